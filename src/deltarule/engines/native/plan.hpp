// Which rows each step of an epoch uses: the same orders, bit for bit, as data/batches.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "problem.hpp"

namespace deltarule {

struct Plan {
    std::int64_t n, batch_size;  // batch_size >= n: the full batch, never permuted
    bool shuffle;
    int remainder;  // 0 keep, 1 drop, 2 merge
    std::uint64_t seed;
};

// Four outputs of Philox4x64-10 (Salmon et al., 2011).
inline void philox(std::uint64_t counter, std::uint64_t key_0, std::uint64_t key_1, std::uint64_t (&c)[4]) {
    c[0] = counter, c[1] = c[2] = c[3] = 0;
    for (int round = 0; round < 10; ++round) {
        const unsigned __int128 first = static_cast<unsigned __int128>(0xD2E7470EE14C6C93u) * c[0];
        const unsigned __int128 second = static_cast<unsigned __int128>(0xCA5A826395121157u) * c[2];
        const std::uint64_t next[4] = {std::uint64_t(second >> 64) ^ c[1] ^ key_0, std::uint64_t(second),
                                       std::uint64_t(first >> 64) ^ c[3] ^ key_1, std::uint64_t(first)};
        std::copy(next, next + 4, c);
        key_0 += 0x9E3779B97F4A7C15u, key_1 += 0xBB67AE8584CAA73Bu;
    }
}

// The row order of an epoch: row r has the key "output r of Philox, its low bits replaced by r"; keys ascend.
class Permutation {
  public:
    void operator()(std::int64_t n, std::uint64_t seed, std::uint64_t epoch,
                    std::vector<std::int64_t>& order) {
        int bits = 1;
        while (bits < 63 && (std::uint64_t(n - 1) >> bits) != 0) ++bits;
        const std::uint64_t low = (std::uint64_t(1) << bits) - 1;
        // Keys are uniform: their first bits deal them out to buckets of about one, so that few are out of
        // order.
        const int shift = 64 - bits;
        keys.resize(n), dealt.resize(n), order.resize(n);
        next.assign((std::size_t(1) << bits) + 1, 0);
        for (std::int64_t r = 0; r < n; r += 4) {
            std::uint64_t block[4];
            philox(1 + std::uint64_t(r / 4), seed, epoch, block);
            for (std::int64_t j = 0; j < std::min<std::int64_t>(4, n - r); ++j) {
                keys[r + j] = (block[j] & ~low) | std::uint64_t(r + j);
                ++next[(keys[r + j] >> shift) + 1];
            }
        }
        for (std::size_t b = 1; b < next.size(); ++b) next[b] += next[b - 1];
        for (const std::uint64_t key : keys) dealt[next[key >> shift]++] = key;
        for (std::int64_t r = 1; r < n; ++r) {  // by insertion
            const std::uint64_t key = dealt[r];
            std::int64_t to = r;
            for (; to > 0 && dealt[to - 1] > key; --to) dealt[to] = dealt[to - 1];
            dealt[to] = key;
        }
        for (std::int64_t r = 0; r < n; ++r) order[r] = std::int64_t(dealt[r] & low);
    }

  private:
    std::vector<std::uint64_t> keys, dealt;
    std::vector<std::uint32_t> next;  // where the next key of each bucket goes
};

inline std::vector<std::int64_t> batch_ends(const Plan& plan) {
    if (plan.batch_size >= plan.n) return {plan.n};
    std::vector<std::int64_t> ends;
    for (std::int64_t end = plan.batch_size; end <= plan.n; end += plan.batch_size) ends.push_back(end);
    if (plan.n % plan.batch_size == 0 || plan.remainder == 1) return ends;
    if (plan.remainder == 2) ends.pop_back();
    ends.push_back(plan.n);
    return ends;
}

// Divide the order of an epoch into steps, with the weight of each and its number t among those that count;
// its rates are so many numbers behind those of the step before.
template <class T>
inline void divide(Epoch& epoch, const std::vector<std::int64_t>& ends, const T* w, double& t,
                   const double* rates, std::ptrdiff_t stride) {
    epoch.steps.clear();
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
        double weight = double(end - begin);
        if (w) {
            weight = 0.0;
            for (std::int64_t r = begin; r < end; ++r)
                weight += double(w[epoch.order.empty() ? r : epoch.order[r]]);
        }
        epoch.steps.push_back({begin, end, weight, weight > 0.0 ? ++t : 0.0, rates});
        begin = end, rates += stride;
    }
}

}  // namespace deltarule
