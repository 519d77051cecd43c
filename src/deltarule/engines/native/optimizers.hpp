// Optimizers: from a gradient to the next parameters, for vectors of parameters of one layer and kind.
#pragma once

#include "problem.hpp"
#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

// What differs from parameter to parameter: the learning rate of its layer, the penalties on its kind.
template <class T> struct Settings {
    V<T> rate, l1, l2;
};

// Everything else an update needs beside the parameters themselves; made once per step.
template <class T> struct Update {
    Method method;
    bool penalized;
    T momentum, beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, epsilon;
    T correction_1{}, correction_2{};  // of Adam's means, as divisors
    T rate_factor = 1;                 // where Adam corrects its rate instead
    T divisor;                         // of the gradient's sums

    Update(const Optimizer& o, const Objective& j, const Step& step)
        : method(o.method),
          penalized(j.penalized()),
          momentum(T(o.momentum)),
          beta_1(T(o.beta_1)),
          beta_2(T(o.beta_2)),
          one_minus_beta_1(T(1.0 - o.beta_1)),
          one_minus_beta_2(T(1.0 - o.beta_2)),
          epsilon(T(o.epsilon)),
          divisor(j.mean ? T(step.weight) : T(1)) {
        if (method < Method::adam) return;
        const double c1 = 1.0 - std::pow(o.beta_1, step.t), c2 = 1.0 - std::pow(o.beta_2, step.t);
        correction_1 = T(c1);
        correction_2 = T(c2);
        if (method == Method::adam_before_bias_correction) rate_factor = T(std::sqrt(c2) / c1);
    }

    // p: parameters, g: the sum of their gradients over rows, s and q: the optimizer's memory.
    void operator()(T* p_at, V<T> g, T* s_at, T* q_at, const Settings<T>& settings) const {
        const V<T> p = load<T>(p_at), rate = settings.rate * rate_factor;
        g = g / divisor;
        if (penalized) g += settings.l1 * sign<T>(p) + settings.l2 * p;
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

// The settings of a layer's weights (kind 0) or biases (kind 1).
template <class T> inline Settings<T> settings(const Optimizer& o, const Objective& j, int layer, int kind) {
    return {all<T>(T(o.rates[layer])), all<T>(T(j.l1[kind])), all<T>(T(j.l2[kind]))};
}

}  // namespace deltarule::DELTARULE_ISA
