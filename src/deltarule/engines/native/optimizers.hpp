// Optimizers: from a gradient to the next parameters, for vectors of parameters of one layer and kind.
#pragma once

#include "problem.hpp"
#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

// What differs from parameter to parameter: the learning rate of its layer, the penalties on its kind.
template <class T> struct Settings {
    V<T> rate, l1, l2;
};

// The gradient g of the parameters p, and that of their penalties.
template <class T> inline V<T> with_penalties(V<T> g, V<T> p, V<T> l1, V<T> l2) {
    return g + (l1 * sign<T>(p) + l2 * p);
}

// Everything else an update needs beside the parameters themselves; made once per step.
template <class T> struct Update {
    Method method;
    bool penalized, clipped = false;
    T momentum, beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, epsilon, weight_decay;
    T rate_factor = 1, v_factor = 1;  // Adam's bias correction: of the rate and, before its root, of v
    T inverse_weight;                 // of a step's rows
    T share;                          // of the penalties that a step has
    T shrink = 1;                     // of a gradient that is clipped
    const double* rates;              // of the layers

    Update(const Optimizer& o, const Objective& j, const Step& step)
        : method(o.method),
          penalized(j.penalized()),
          momentum(T(o.momentum)),
          beta_1(T(o.beta_1)),
          beta_2(T(o.beta_2)),
          one_minus_beta_1(T(1.0 - o.beta_1)),
          one_minus_beta_2(T(1.0 - o.beta_2)),
          epsilon(T(o.epsilon)),
          weight_decay(T(o.weight_decay)),
          inverse_weight(j.mean ? T(1.0 / step.weight) : T(1)),
          share(j.averages_penalties ? inverse_weight : T(1)),
          rates(step.rates) {
        if (method < Method::adam) return;
        const double c1 = 1.0 - std::pow(o.beta_1, step.t), c2 = 1.0 - std::pow(o.beta_2, step.t);
        if (method == Method::adam) rate_factor = T(1.0 / c1), v_factor = T(1.0 / c2);
        else rate_factor = T(std::sqrt(c2) / c1);
    }

    // `count` parameters from p on, with the optimizer's memory from s and q on; gradient() returns their
    // sums over rows, and settings(at) what p + at needs, one vector after another.
    template <class G, class F>
    void operator()(T* p, T* s, T* q, std::size_t count, G gradient, F settings) const {
        with_rule(s, q, [&](auto rule) {
            const Update u = *this;  // nothing that is stored below can change it
            for (std::size_t at = 0; at < count; at += lanes<T>)
                store<T>(p + at, u.next(rule, at, load<T>(p + at), gradient(), settings(at)));
        });
    }

    // Call f with the optimizer's rule for parameters whose memory lies from s and q on.
    template <class F> void with_rule(T* s, T* q, F f) const {
        switch (method) {
            case Method::sgd:
                return f([](const Update&, std::size_t, V<T> p, V<T> g, V<T> rate) { return p - rate * g; });
            case Method::momentum:
            case Method::nesterov:
                return f([s](const Update& u, std::size_t at, V<T> p, V<T> g, V<T> rate) {
                    const V<T> v = u.momentum * load<T>(s + at) - rate * g;
                    store<T>(s + at, v);
                    return p + (u.method == Method::nesterov ? u.momentum * v - rate * g : v);
                });
            case Method::rmsprop:
                return f([s](const Update& u, std::size_t at, V<T> p, V<T> g, V<T> rate) {
                    const V<T> v = u.beta_2 * load<T>(s + at) + u.one_minus_beta_2 * g * g;
                    store<T>(s + at, v);
                    return p - rate * g / (sqrt<T>(v) + u.epsilon);
                });
            case Method::gradient:
                return f([s](const Update&, std::size_t at, V<T> p, V<T> g, V<T>) {
                    store<T>(s + at, g);
                    return p;
                });
            case Method::adam:
            case Method::adam_before_bias_correction:
                return f([s, q](const Update& u, std::size_t at, V<T> p, V<T> g, V<T> rate) {
                    const V<T> m = u.beta_1 * load<T>(s + at) + u.one_minus_beta_1 * g;
                    const V<T> v = u.beta_2 * load<T>(q + at) + u.one_minus_beta_2 * g * g;
                    store<T>(s + at, m);
                    store<T>(q + at, v);
                    const V<T> step = rate * u.rate_factor * m / (sqrt<T>(v * u.v_factor) + u.epsilon);
                    return p - rate * u.weight_decay * p - step;
                });
        }
    }

    // What the parameters p become by a rule, `at` of their memory; `sum` is their gradient over rows.
    template <class Rule>
    V<T> next(const Rule& rule, std::size_t at, V<T> p, V<T> sum, const Settings<T>& with) const {
        V<T> g = gradient(p, sum, with);
        if (clipped) g *= shrink;
        return rule(*this, at, p, g, with.rate);
    }
    V<T> gradient(V<T> p, V<T> sum, const Settings<T>& with) const {
        const V<T> g = sum * inverse_weight;
        return penalized ? with_penalties<T>(g, p, with.l1, with.l2) : g;
    }

    // The sum of the squares of a gradient whose sums over rows begin at `sum`, of the parameters from p on.
    template <class S, class F>
    double squares(const T* p, const S* sum, std::size_t count, F settings) const {
        double total = 0;
        for (std::size_t at = 0; at < count; at += lanes<T>) {
            V<T> s;
            for (int j = 0; j < lanes<T>; ++j) s[j] = T(sum[at + j]);
            const V<T> g = gradient(load<T>(p + at), s, settings(at));
            for (int j = 0; j < lanes<T>; ++j) total += double(g[j]) * double(g[j]);
        }
        return total;
    }
    // Clip a gradient with this sum of squares.
    void clip(double squares, double norm) {
        const double length = std::sqrt(squares);
        clipped = length > norm;
        shrink = clipped ? T(norm / length) : T(1);
    }
};

// The settings of a layer's weights (kind 0) or biases (kind 1).
template <class T>
inline Settings<T> settings(const Update<T>& update, const Objective& j, int layer, int kind) {
    return {all<T>(T(update.rates[layer])), update.share * all<T>(T(j.l1[kind])),
            update.share * all<T>(T(j.l2[kind]))};
}

}  // namespace deltarule::DELTARULE_ISA
