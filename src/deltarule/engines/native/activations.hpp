// Activations: value above slope, lane by lane, with the names of core/activations.py. Softmax is in
// losses.hpp.
#pragma once

#include "problem.hpp"
#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

template <class T> struct Identity {
    static V<T> value(V<T> z) { return z; }
    static V<T> slope(V<T>, V<T>) { return all<T>(1); }
};
template <class T> struct Sigmoid {
    static V<T> value(V<T> z) { return sigmoid<T>(z); }
    static V<T> slope(V<T>, V<T> a) { return a * (T(1) - a); }
};
template <class T> struct Tanh {
    static V<T> value(V<T> z) { return tanh<T>(z); }
    static V<T> slope(V<T>, V<T> a) { return T(1) - a * a; }
};
template <class T> struct Relu {
    static V<T> value(V<T> z) { return z < T(0) ? V<T>{} : z; }
    static V<T> slope(V<T> z, V<T>) { return z > T(0) ? all<T>(1) : V<T>{}; }
};
template <class T> struct LeakyRelu {
    static V<T> value(V<T> z) { return z < T(0) ? T(0.01) * z : z; }
    static V<T> slope(V<T> z, V<T>) { return z > T(0) ? all<T>(1) : all<T>(T(0.01)); }
};
template <class T> struct Elu {
    static V<T> value(V<T> z) { return z > T(0) ? z : expm1<T>(min<T>(z, V<T>{})); }
    static V<T> slope(V<T> z, V<T> a) { return z > T(0) ? all<T>(1) : a + T(1); }
};
template <class T> struct Selu {
    static constexpr T scale = T(1.0507009873554805), alpha = T(1.6732632423543772);
    static V<T> value(V<T> z) { return scale * (z > T(0) ? z : alpha * expm1<T>(min<T>(z, V<T>{}))); }
    static V<T> slope(V<T> z, V<T> a) { return z > T(0) ? all<T>(scale) : a + scale * alpha; }
};
template <class T> struct Gelu {
    static V<T> value(V<T> z) { return z * normal_cdf<T>(z); }
    static V<T> slope(V<T> z, V<T>) {
        return normal_cdf<T>(z) + z * exp<T>(T(-0.5) * z * z) * T(0.39894228040143267794);
    }
};
template <class T> struct Silu {
    static V<T> value(V<T> z) { return z * sigmoid<T>(z); }
    static V<T> slope(V<T> z, V<T> a) {
        const V<T> s = sigmoid<T>(z);
        return s + a * (T(1) - s);
    }
};
template <class T> struct Mish {
    // tanh(ln(1 + u)) = u (u + 2) / (u (u + 2) + 2) with u = e^z, and 1 from z = 40 on
    static V<T> gate(V<T> z) {
        const V<T> u = exp<T>(min<T>(z, all<T>(40))), n = u * (u + T(2));
        return n / (n + T(2));
    }
    static V<T> value(V<T> z) { return z * gate(z); }
    static V<T> slope(V<T> z, V<T>) {
        const V<T> t = gate(z);
        return t + z * sigmoid<T>(z) * (T(1) - t * t);
    }
};
template <class T> struct Softplus {
    static V<T> value(V<T> z) { return softplus<T>(z); }
    static V<T> slope(V<T> z, V<T>) { return sigmoid<T>(z); }
};
template <class T> struct Exponential {
    static V<T> value(V<T> z) { return exp<T>(z); }
    static V<T> slope(V<T>, V<T> a) { return a; }
};

// Call f with the record of an elementwise activation; the branch is outside the loops.
template <class T, class F> inline void with_activation(Activation activation, F f) {
    switch (activation) {
        case Activation::identity:
            return f(Identity<T>{});
        case Activation::sigmoid:
            return f(Sigmoid<T>{});
        case Activation::tanh:
            return f(Tanh<T>{});
        case Activation::relu:
            return f(Relu<T>{});
        case Activation::leaky_relu:
            return f(LeakyRelu<T>{});
        case Activation::elu:
            return f(Elu<T>{});
        case Activation::selu:
            return f(Selu<T>{});
        case Activation::gelu:
            return f(Gelu<T>{});
        case Activation::silu:
            return f(Silu<T>{});
        case Activation::mish:
            return f(Mish<T>{});
        case Activation::softplus:
            return f(Softplus<T>{});
        case Activation::exponential:
            return f(Exponential<T>{});
        case Activation::softmax:
            return;
    }
}

}  // namespace deltarule::DELTARULE_ISA
