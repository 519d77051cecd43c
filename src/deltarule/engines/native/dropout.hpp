// Dropout: the factors r of hidden units, bit for bit as in core/dropout.py: a function of (seed, epoch, row,
// layer, unit).
#pragma once

#include <algorithm>
#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "problem.hpp"

namespace deltarule::DELTARULE_ISA {

// Words of 32 bits, each in a lane of 64.
typedef std::uint64_t Words __attribute__((vector_size(VECTOR_BYTES)));
inline constexpr int words_per_vector = VECTOR_BYTES / 8;

// The products of the low halves of lanes and a word.
[[gnu::always_inline]] inline Words product(Words a, std::uint32_t b) {
    const Words c = Words{} + b;
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return (Words)_mm512_mul_epu32((__m512i)a, (__m512i)c);
#elif defined(__AVX2__) && VECTOR_BYTES == 32
    return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)c);
#elif defined(__SSE2__) && VECTOR_BYTES == 16
    return (Words)_mm_mul_epu32((__m128i)a, (__m128i)c);
#else
    return (a & 0xFFFFFFFFu) * c;
#endif
}

// Philox4x32-10 (Salmon et al., 2011) of n counters at once: word[k][m] is word k of counter m.
template <int n> struct Philox {
    static constexpr int vectors = n / words_per_vector;
    std::uint32_t word[4][n];

    void operator()(std::uint64_t key) {
        Words c[4][vectors] = {};  // the high halves are of no account
        for (int k = 0; k < 4; ++k)
            for (int m = 0; m < n; ++m) c[k][m / words_per_vector][m % words_per_vector] = word[k][m];
        std::uint32_t key_0 = std::uint32_t(key), key_1 = std::uint32_t(key >> 32);
        for (int round = 0; round < 10; ++round, key_0 += 0x9E3779B9u, key_1 += 0xBB67AE85u)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                const Words first = product(c[0][v], 0xD2511F53u), second = product(c[2][v], 0xCD9E8D57u);
                c[0][v] = (second >> 32) ^ c[1][v] ^ key_0, c[1][v] = second;
                c[2][v] = (first >> 32) ^ c[3][v] ^ key_1, c[3][v] = first;
            }
        for (int k = 0; k < 4; ++k)
            for (int m = 0; m < n; ++m)
                word[k][m] = std::uint32_t(c[k][m / words_per_vector][m % words_per_vector]);
    }
};

// The factors of a hidden layer (counted from 1).
template <class T> class Factors {
  public:
    static constexpr int counters = VECTOR_BYTES / 4;  // at a time

    Factors(const Dropout& dropout, int layer, std::uint64_t epoch)
        : key(dropout.seed),
          epoch(std::uint32_t(epoch)),
          layer(std::uint32_t(layer)),
          threshold(dropout.thresholds[layer - 1]),
          scale(T(dropout.scales[layer - 1])) {}

    // Of a row's units 0 ... width, rounded up to whole portions.
    static constexpr int portion = 4 * counters;
    void of_row(std::int64_t row, int width, T* to) const {
        for (int unit = 0; unit < width; unit += portion, to += portion) {
            Philox<counters> philox;
            for (int m = 0; m < counters; ++m) set(philox, m, row, unit / 4 + m);
            philox(key);
            std::uint32_t word[portion];
            for (int m = 0; m < counters; ++m)
                for (int k = 0; k < 4; ++k) word[4 * m + k] = philox.word[k][m];
            for (int u = 0; u < portion; ++u) to[u] = factor(word[u]);
        }
    }

    // Of four units of as many rows: to[k][m] is that of unit 4 block + k in row m.
    template <int n> void of_block(const std::int64_t (&rows)[n], int block, T (&to)[4][n]) const {
        Philox<n> philox;
        for (int m = 0; m < n; ++m) set(philox, m, rows[m], block);
        philox(key);
        for (int k = 0; k < 4; ++k)
            for (int m = 0; m < n; ++m) to[k][m] = factor(philox.word[k][m]);
    }

  private:
    template <int n> void set(Philox<n>& philox, int m, std::int64_t row, int block) const {
        philox.word[0][m] = epoch, philox.word[1][m] = std::uint32_t(row);
        philox.word[2][m] = layer, philox.word[3][m] = std::uint32_t(block);
    }
    T factor(std::uint32_t word) const { return word < threshold ? T(0) : scale; }

    const std::uint64_t key;
    const std::uint32_t epoch, layer, threshold;
    const T scale;
};

}  // namespace deltarule::DELTARULE_ISA
