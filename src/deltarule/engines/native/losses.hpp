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

template <class T> inline Share<T> share(Loss loss, V<T> y, V<T> y_hat, T inverse_k) {
    const V<T> e = y_hat - y;
    switch (loss) {
        case Loss::mean_squared_error:
            return {e * e * inverse_k, T(2) * inverse_k * e};
        case Loss::half_squared_error:
            return {T(0.5) * e * e, e};
        case Loss::sum_squared_error:
            return {e * e, T(2) * e};
        case Loss::absolute_error:
            return {abs<T>(e) * inverse_k, sign<T>(e) * inverse_k};
        case Loss::huber: {
            const V<T> size = abs<T>(e), near = min<T>(size, all<T>(1));
            return {near * (size - T(0.5) * near) * inverse_k, clamp<T>(e, T(-1), T(1)) * inverse_k};
        }
        case Loss::binary_cross_entropy: {
            // 1 - y_hat is known only to the spacing of the numbers near 1.
            const V<T> p = at_least<T>(y_hat), x = T(1) - y,
                       q = max<T>(T(1) - y_hat, all<T>(std::numeric_limits<T>::epsilon()));
            return {-(xlogy<T>(y, p) + xlogy<T>(x, q)), x / q - y / p};
        }
        case Loss::cross_entropy:
            return {-xlogy<T>(y, at_least<T>(y_hat)), -y / at_least<T>(y_hat)};
        case Loss::poisson: {
            const V<T> p = at_least<T>(y_hat);
            return {y_hat - xlogy<T>(y, p) + saturated<T>(y), T(1) - y / p};
        }
    }
    return {V<T>{}, V<T>{}};
}

// Softmax over the k outputs; returns ln(sum of e^z).
template <class T> inline V<T> softmax(const V<T>* z, V<T>* a, int k) {
    V<T> top = z[0], total{};
    for (int j = 1; j < k; ++j) top = max<T>(top, z[j]);
    for (int j = 0; j < k; ++j) total += a[j] = exp<T>(z[j] - top);
    for (int j = 0; j < k; ++j) a[j] /= total;
    return top + log<T>(total);
}

template <class T> inline void softmax_pull_back(const V<T>* a, const V<T>* d_a, V<T>* delta, int k) {
    V<T> dot{};
    for (int j = 0; j < k; ++j) dot += a[j] * d_a[j];
    for (int j = 0; j < k; ++j) delta[j] = a[j] * (d_a[j] - dot);
}

// The output layer's activation a, and ln(sum of e^z) where it is softmax.
template <class T> inline V<T> activate(Activation activation, const V<T>* z, V<T>* a, int k) {
    if (activation == Activation::softmax) return softmax<T>(z, a, k);
    with_activation<T>(activation, [&](auto phi) {
        for (int j = 0; j < k; ++j) a[j] = phi.value(z[j]);
    });
    return V<T>{};
}

// From z and y, k vectors each, to the loss of each row (returned) and delta, k vectors.
template <class T>
inline V<T> loss_and_delta(Loss loss, Activation activation, const V<T>* z, const V<T>* y, V<T>* a,
                           V<T>* delta, int k) {
    const V<T> log_total = activate<T>(activation, z, a, k);
    V<T> value{};
    if (loss == Loss::binary_cross_entropy && activation == Activation::sigmoid) {
        for (int j = 0; j < k; ++j) {
            value += softplus<T>(z[j]) - y[j] * z[j];
            delta[j] = a[j] - y[j];
        }
    } else if (loss == Loss::poisson && activation == Activation::exponential) {
        for (int j = 0; j < k; ++j) {
            value += a[j] - y[j] * z[j] + saturated<T>(y[j]);
            delta[j] = a[j] - y[j];
        }
    } else if (loss == Loss::cross_entropy && activation == Activation::softmax) {
        V<T> total{};
        for (int j = 0; j < k; ++j) {
            value += y[j] * (log_total - z[j]);
            total += y[j];
        }
        for (int j = 0; j < k; ++j) delta[j] = a[j] * total - y[j];
    } else {
        const T inverse_k = T(1) / T(k);
        for (int j = 0; j < k; ++j) {
            const auto [l, d] = share<T>(loss, y[j], a[j], inverse_k);
            value += l;
            delta[j] = d;
        }
        if (activation == Activation::softmax) {
            softmax_pull_back<T>(a, delta, delta, k);
        } else {
            with_activation<T>(activation, [&](auto phi) {
                for (int j = 0; j < k; ++j) delta[j] *= phi.slope(z[j], a[j]);
            });
        }
    }
    return value;
}

}  // namespace deltarule::DELTARULE_ISA
