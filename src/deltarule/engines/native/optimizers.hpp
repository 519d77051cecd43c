// Optimizers: from a gradient to the next parameters, for vectors of parameters of one layer and kind.
#pragma once

#include "problem.hpp"
#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

// Everything an update needs beside the parameters themselves; made once per layer and step.
template <class T> struct Update {
    Method method;
    T rate, momentum, beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, epsilon;
    T correction_1{}, correction_2{};  // of Adam's means, as divisors
    T divisor;                         // of the gradient's sums
    T l1[2], l2[2];                    // penalties on weights, on biases

    Update(const Optimizer& o, const Objective& j, int layer, const Step& step)
        : method(o.method),
          rate(T(o.rates[layer])),
          momentum(T(o.momentum)),
          beta_1(T(o.beta_1)),
          beta_2(T(o.beta_2)),
          one_minus_beta_1(T(1.0 - o.beta_1)),
          one_minus_beta_2(T(1.0 - o.beta_2)),
          epsilon(T(o.epsilon)),
          divisor(j.mean ? T(step.weight) : T(1)),
          l1{T(j.l1[0]), T(j.l1[1])},
          l2{T(j.l2[0]), T(j.l2[1])} {
        if (method < Method::adam) return;
        const double c1 = 1.0 - std::pow(o.beta_1, step.t), c2 = 1.0 - std::pow(o.beta_2, step.t);
        correction_1 = T(c1);
        correction_2 = T(c2);
        if (method == Method::adam_before_bias_correction) rate = T(o.rates[layer] * std::sqrt(c2) / c1);
    }

    // p: parameters, g: the sum of their gradients over rows, s and q: the optimizer's memory; kind: 0
    // weights, 1 biases.
    void operator()(T* p_at, V<T> g, T* s_at, T* q_at, int kind) const {
        V<T> p = load<T>(p_at);
        g = g / divisor;
        if (l1[kind] != T(0)) g += l1[kind] * sign<T>(p);
        if (l2[kind] != T(0)) g += l2[kind] * p;
        switch (method) {
            case Method::sgd:
                store<T>(p_at, p - rate * g);
                return;
            case Method::momentum:
            case Method::nesterov: {
                const V<T> v = momentum * load<T>(s_at) - rate * g;
                store<T>(s_at, v);
                store<T>(p_at, p + (method == Method::nesterov ? momentum * v - rate * g : v));
                return;
            }
            case Method::adam:
            case Method::adam_before_bias_correction: {
                const V<T> m = beta_1 * load<T>(s_at) + one_minus_beta_1 * g;
                const V<T> v = beta_2 * load<T>(q_at) + one_minus_beta_2 * g * g;
                store<T>(s_at, m);
                store<T>(q_at, v);
                const V<T> step = method == Method::adam
                                      ? rate * (m / correction_1) / (sqrt<T>(v / correction_2) + epsilon)
                                      : rate * m / (sqrt<T>(v) + epsilon);
                store<T>(p_at, p - step);
                return;
            }
        }
    }
};

}  // namespace deltarule::DELTARULE_ISA
