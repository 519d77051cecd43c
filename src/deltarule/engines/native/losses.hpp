// Losses: per row the value and delta = dl/dz, for `lanes` rows at once: row r is lane r, output k is vector
// k. Pairs whose slope cancels (and softmax, which has no elementwise slope) are fused as in core/losses.py.
#pragma once

#include "activations.hpp"

namespace deltarule::DELTARULE_ISA {

template <class T> inline V<T> at_least(V<T> x) {  // keeps log and divisors off zero
    const T floor = sizeof(T) == 4 ? T(1.0842021724855044e-19) : T(1.4916681462400413e-154);
    return max<T>(x, all<T>(floor));
}
template <class T> inline V<T> xlogy(V<T> x, V<T> y) { return x == T(0) ? V<T>{} : x * log<T>(y); }
template <class T> inline V<T> saturated(V<T> y) { return xlogy<T>(y, at_least<T>(y)) - y; }

// One output of one row: the loss's share and its slope dl/dyhat.
template <class T> struct Share {
    V<T> value, slope;
};

// Call f with the function (y, y_hat) -> Share of a loss; the branch is outside the loops.
template <class T, class F> inline void with_share(Loss loss, T inverse_k, F f) {
    using A = V<T>;
    switch (loss) {
        case Loss::mean_squared_error:
            return f([=](A y, A y_hat) -> Share<T> {
                const A e = y_hat - y;
                return {e * e * inverse_k, T(2) * inverse_k * e};
            });
        case Loss::half_squared_error:
            return f([](A y, A y_hat) -> Share<T> {
                const A e = y_hat - y;
                return {T(0.5) * e * e, e};
            });
        case Loss::sum_squared_error:
            return f([](A y, A y_hat) -> Share<T> {
                const A e = y_hat - y;
                return {e * e, T(2) * e};
            });
        case Loss::absolute_error:
            return f([=](A y, A y_hat) -> Share<T> {
                const A e = y_hat - y;
                return {abs<T>(e) * inverse_k, sign<T>(e) * inverse_k};
            });
        case Loss::huber:
            return f([=](A y, A y_hat) -> Share<T> {
                const A e = y_hat - y, size = abs<T>(e), near = min<T>(size, all<T>(1));
                return {near * (size - T(0.5) * near) * inverse_k, clamp<T>(e, T(-1), T(1)) * inverse_k};
            });
        case Loss::binary_cross_entropy:
            return f([](A y, A y_hat) -> Share<T> {
                // 1 - y_hat is known only to the spacing of the numbers near 1.
                const A p = at_least<T>(y_hat), x = T(1) - y,
                        q = max<T>(T(1) - y_hat, all<T>(std::numeric_limits<T>::epsilon()));
                return {-(xlogy<T>(y, p) + xlogy<T>(x, q)), x / q - y / p};
            });
        case Loss::cross_entropy:
            return f([](A y, A y_hat) -> Share<T> {
                return {-xlogy<T>(y, at_least<T>(y_hat)), -y / at_least<T>(y_hat)};
            });
        case Loss::poisson:
            return f([](A y, A y_hat) -> Share<T> {
                const A p = at_least<T>(y_hat);
                return {y_hat - xlogy<T>(y, p) + saturated<T>(y), T(1) - y / p};
            });
    }
}

// Softmax over the k outputs, one every `next` vectors; returns ln(sum of e^z).
template <class T> inline V<T> softmax(const V<T>* z, V<T>* a, int k, int next = 1) {
    V<T> top = z[0], total{};
    for (int j = next; j < k * next; j += next) top = max<T>(top, z[j]);
    for (int j = 0; j < k * next; j += next) total += a[j] = exp<T>(z[j] - top);
    for (int j = 0; j < k * next; j += next) a[j] /= total;
    return top + log<T>(total);
}

template <class T>
inline void softmax_pull_back(const V<T>* a, const V<T>* d_a, V<T>* delta, int k, int next = 1) {
    V<T> dot{};
    for (int j = 0; j < k * next; j += next) dot += a[j] * d_a[j];
    for (int j = 0; j < k * next; j += next) delta[j] = a[j] * (d_a[j] - dot);
}

// The output layer's activation a, and ln(sum of e^z) where it is softmax.
template <class T> inline V<T> activate(Activation activation, const V<T>* z, V<T>* a, int k, int next = 1) {
    if (activation == Activation::softmax) return softmax<T>(z, a, k, next);
    with_activation<T>(activation, [&](auto phi) {
        for (int j = 0; j < k * next; j += next) a[j] = phi.value(z[j]);
    });
    return V<T>{};
}

// From z, y and a = activate(z) to delta and the loss of each row, `value`. Rows are G vectors:
// output j of all is at j G ... j G + G - 1. log_total is what softmax has returned, G vectors.
template <class T, int G>
inline void loss_and_delta(Loss loss, Activation activation, const V<T>* log_total, const V<T>* z,
                           const V<T>* y, const V<T>* a, V<T>* delta, int k, V<T>* value) {
    for (int g = 0; g < G; ++g) value[g] = V<T>{};
    const auto each = [&](auto f) {
        for (int j = 0; j < k * G; j += G)
            for (int g = 0; g < G; ++g) f(j + g, g);
    };
    if (loss == Loss::binary_cross_entropy && activation == Activation::sigmoid) {
        each([&](int j, int g) {
            value[g] += softplus<T>(z[j]) - y[j] * z[j];
            delta[j] = a[j] - y[j];
        });
    } else if (loss == Loss::poisson && activation == Activation::exponential) {
        each([&](int j, int g) {
            value[g] += a[j] - y[j] * z[j] + saturated<T>(y[j]);
            delta[j] = a[j] - y[j];
        });
    } else if (loss == Loss::cross_entropy && activation == Activation::softmax) {
        V<T> total[G] = {};
        each([&](int j, int g) {
            value[g] += y[j] * (log_total[g] - z[j]);
            total[g] += y[j];
        });
        each([&](int j, int g) { delta[j] = a[j] * total[g] - y[j]; });
    } else {
        with_share<T>(loss, T(1) / T(k), [&](auto share) {
            each([&](int j, int g) {
                const auto [l, d] = share(y[j], a[j]);
                value[g] += l;
                delta[j] = d;
            });
        });
        if (activation == Activation::softmax)
            for (int g = 0; g < G; ++g) softmax_pull_back<T>(a + g, delta + g, delta + g, k, G);
        else
            with_activation<T>(activation, [&](auto phi) {
                for (int j = 0; j < k * G; ++j) delta[j] *= phi.slope(z[j], a[j]);
            });
    }
}

}  // namespace deltarule::DELTARULE_ISA
