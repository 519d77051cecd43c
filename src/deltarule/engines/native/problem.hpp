// What Python hands over: the network, the objective, the optimizer, the rows and the steps of an epoch.
// Nothing here depends on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace deltarule {

enum class Activation {
    identity,
    sigmoid,
    tanh,
    relu,
    leaky_relu,
    elu,
    selu,
    gelu,
    silu,
    mish,
    softplus,
    exponential,
    softmax
};
enum class Loss {
    mean_squared_error,
    half_squared_error,
    sum_squared_error,
    absolute_error,
    huber,
    binary_cross_entropy,
    cross_entropy,
    poisson
};
// How many vectors like theta each remembers: none, one, two; see Optimizer::slots.
enum class Method { sgd, momentum, nesterov, rmsprop, gradient, adam, adam_before_bias_correction };

struct Network {
    std::vector<int> widths;              // inputs, hidden ..., outputs
    std::vector<Activation> activations;  // one per layer after the input
    bool bias;
    int layers() const { return int(activations.size()); }
    int inputs() const { return widths.front(); }
    int outputs() const { return widths.back(); }
};

struct Objective {
    Loss loss;
    bool mean;                // divide by the weight of a step's rows
    double l1[2], l2[2];      // strengths for weights [0] and biases [1]
    bool averages_penalties;  // divide them by that weight, too
    bool penalized() const { return l1[0] != 0 || l1[1] != 0 || l2[0] != 0 || l2[1] != 0; }
};

struct Optimizer {
    Method method;
    double momentum, beta_1, beta_2, epsilon, weight_decay;
    double clip_norm;  // the longest gradient that it sees; 0: any
    bool clips() const { return clip_norm > 0; }
    int slots() const { return method == Method::sgd ? 0 : method >= Method::adam ? 2 : 1; }
};

// Units of hidden layers are left out where a word is below their layer's threshold; the others are scaled.
struct Dropout {
    std::vector<std::uint32_t> thresholds;  // of each hidden layer; empty: all units stay
    std::vector<double> scales;
    std::uint64_t seed;
    bool drops() const { return !thresholds.empty(); }
};

template <class T> struct Rows {
    std::ptrdiff_t n;
    const T* X;       // (n, i), C order
    const T* y;       // (n, k), C order
    const T* w;       // (n,) or null: every row counts 1
    const T* offset;  // (n, k) or null
};

struct Step {
    std::ptrdiff_t begin, end;  // rows order[begin:end]
    double weight;              // of these rows
    double t;                   // it is the t-th step taken; 0: skipped
    const double* rates;        // the learning rate of each layer
};

// One epoch: which rows each step uses. An empty order means rows begin ... end themselves.
struct Epoch {
    std::uint64_t number;  // from 0
    std::vector<std::int64_t> order;
    std::vector<Step> steps;
};

// Theta and the optimizer's memory, unpadded, in the order W1, b1, W2, b2, ...
template <class T> struct State {
    T* theta;
    T* slot[2];
};

struct EpochSums {
    double loss, weight, penalty;
    std::vector<double> step_losses, step_penalties;
};

// Returns true when the run must stop before the next step.
using Poll = std::function<bool()>;

}  // namespace deltarule
