// What is asked of a run, what it changes and what it leaves; the same for every instruction set.
#pragma once

#include "plan.hpp"
#include "problem.hpp"

namespace deltarule {

template <class T> struct Run {
    Network net;
    Objective objective;
    Optimizer optimizer;
    Rows<T> rows;
    Plan plan;
    bool has_own;  // whether the steps are the caller's own, those of one epoch
    std::vector<std::vector<std::int64_t>> own;
    State<T> state;
    std::uint64_t first_epoch;
    int epochs;
    int threads;  // those that it may use, and after the run those that it did use
    double t;     // steps taken before
    bool record_steps;
    Poll poll;
    std::vector<EpochSums> done;
    double steps_taken = 0;

    Epoch epoch(std::uint64_t number) {
        if (has_own) {
            std::vector<std::int64_t> order, ends;
            for (const auto& batch : own)
                order.insert(order.end(), batch.begin(), batch.end()),
                    ends.push_back(std::int64_t(order.size()));
            return make_epoch<T>(std::move(order), ends, rows.w, t);
        }
        auto order = keeps_order() ? std::vector<std::int64_t>{} : permutation(plan.n, plan.seed, number);
        return make_epoch<T>(std::move(order), batch_ends(plan), rows.w, t);
    }

    bool keeps_order() const {
        return !has_own && (!plan.shuffle || batch_ends(plan) == std::vector<std::int64_t>{plan.n});
    }

    std::ptrdiff_t largest_step() const {
        std::ptrdiff_t most = 1;
        if (!has_own)
            for (std::ptrdiff_t begin = 0; const std::ptrdiff_t end : batch_ends(plan))
                most = std::max(most, end - begin), begin = end;
        for (const auto& batch : own) most = std::max(most, std::ptrdiff_t(batch.size()));
        return most;
    }
};

// One per instruction set: run the epochs of a request.
namespace avx512 {
void execute(Run<float>&);
void execute(Run<double>&);
}  // namespace avx512
namespace avx2 {
void execute(Run<float>&);
void execute(Run<double>&);
}  // namespace avx2
namespace baseline {
void execute(Run<float>&);
void execute(Run<double>&);
}  // namespace baseline

}  // namespace deltarule
