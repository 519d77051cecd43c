// What is asked of a run, what it changes and what it leaves; the same for every instruction set.
#pragma once

#include "plan.hpp"
#include "problem.hpp"

namespace deltarule {

template <class T> struct Run {
    Network net;
    Objective objective;
    Optimizer optimizer;
    Dropout dropout;
    Rows<T> rows;
    Plan plan;
    const double* rates;          // of the layers, for every step or, with a stride of 0, for all of them
    std::ptrdiff_t rates_stride;  // from one step to the next
    bool has_own;                 // whether the steps are the caller's own, those of one epoch
    std::vector<std::int64_t> own_order, own_ends;
    State<T> state;
    std::uint64_t first_epoch;
    int epochs;
    int threads;  // those that it may use, and after the run those that it did use
    double t;     // steps taken before
    bool record_steps;
    Poll poll;
    std::vector<EpochSums> done;
    double steps_taken = 0;

    bool measures_penalties() const { return record_steps && objective.penalized(); }

    std::vector<std::int64_t> ends() const { return has_own ? own_ends : batch_ends(plan); }

    bool keeps_order() const {
        return !has_own && (!plan.shuffle || ends() == std::vector<std::int64_t>{plan.n});
    }

    std::ptrdiff_t largest_step() const {
        std::ptrdiff_t most = 1;
        for (std::ptrdiff_t begin = 0; const std::ptrdiff_t end : ends())
            most = std::max(most, end - begin), begin = end;
        return most;
    }
};

inline constexpr std::ptrdiff_t few_rows = 4;  // for which laying out the weights would not pay

// What is asked of a network without training it: y_hat of rows, or where that is null the sum of their
// losses.
template <class T> struct Question {
    const Network& net;
    Rows<T> rows;
    const T* theta;
    T* y_hat;
    Loss loss;
    int threads;
    double sum_of_losses = 0;
};

// One per instruction set: run the epochs of a request; answer a question.
namespace avx512 {
void execute(Run<float>&);
void execute(Run<double>&);
void execute(Question<float>&);
void execute(Question<double>&);
}  // namespace avx512
namespace avx2 {
void execute(Run<float>&);
void execute(Run<double>&);
void execute(Question<float>&);
void execute(Question<double>&);
}  // namespace avx2
namespace baseline {
void execute(Run<float>&);
void execute(Run<double>&);
void execute(Question<float>&);
void execute(Question<double>&);
}  // namespace baseline

}  // namespace deltarule
