// Vectors of T, and the functions of one variable that the mathematics needs, lane by lane.
// A vector is VECTOR_BYTES wide. The same source is compiled once per instruction set, each in a namespace of
// its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace deltarule::DELTARULE_ISA {

template <class T> struct Format;
template <> struct Format<float> {
    using Int = std::int32_t;
    typedef float V __attribute__((vector_size(VECTOR_BYTES)));
    typedef std::int32_t I __attribute__((vector_size(VECTOR_BYTES)));
    static constexpr int mantissa_bits = 23, bias = 127, exp_degree = 7, log_terms = 5;
    static constexpr float rounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float exp_low = -86.9f, exp_high = 88.72283f;
};
template <> struct Format<double> {
    using Int = std::int64_t;
    typedef double V __attribute__((vector_size(VECTOR_BYTES)));
    typedef std::int64_t I __attribute__((vector_size(VECTOR_BYTES)));
    static constexpr int mantissa_bits = 52, bias = 1023, exp_degree = 13, log_terms = 12;
    static constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
    static constexpr double exp_low = -707.0, exp_high = 709.782712893384;
};

template <class T> using Int = typename Format<T>::Int;
template <class T> using V = typename Format<T>::V;  // a vector of T
template <class T> using I = typename Format<T>::I;  // as many integers of that size: bits, or a mask
template <class T> inline constexpr int lanes = VECTOR_BYTES / int(sizeof(T));

template <class T> inline V<T> load(const T* p) {
    V<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T> inline void store(T* p, V<T> v) { std::memcpy(p, &v, sizeof v); }
template <class T> inline V<T> all(T x) { return V<T>{} + x; }
// Keeps the compiler from reading v from memory again at every use.
template <class T> inline V<T> in_register(V<T> v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#endif
    return v;
}

// Where a is NaN they stay NaN. In a register b becomes one instruction's operand, also where it is constant.
template <class T> [[gnu::always_inline]] inline V<T> min(V<T> a, V<T> b) {
    b = in_register<T>(b);
    return b < a ? b : a;
}
template <class T> [[gnu::always_inline]] inline V<T> max(V<T> a, V<T> b) {
    b = in_register<T>(b);
    return b > a ? b : a;
}
template <class T> inline V<T> abs(V<T> x) { return (V<T>)((I<T>)x & std::numeric_limits<Int<T>>::max()); }
template <class T> inline V<T> sign(V<T> x) {
    return x > V<T>{} ? all<T>(1) : (x < V<T>{} ? all<T>(-1) : x - x);
}
template <class T> inline T sum(V<T> v) {  // pairwise: the order of additions is always the same
    T part[lanes<T>];
    store<T>(part, v);
#pragma GCC unroll 8
    for (int half = lanes<T> / 2; half >= 1; half /= 2)
        for (int lane = 0; lane < half; ++lane) part[lane] += part[lane + half];
    return part[0];
}
// In every block of both vectors, its two halves added: those of a come before those of b, `unit` lanes each.
template <class T, int unit, int block> inline V<T> add_halves(V<T> a, V<T> b) {
    return [&]<int... k>(std::integer_sequence<int, k...>) {
        // Lane k of the sum: which vector it is from, and where in it.
        constexpr auto at = [](int lane) {
            const int begin = lane / block * block, place = lane % block, half = block / 2;
            return begin + place % half / unit * 2 * unit + place % unit + (place < half ? 0 : lanes<T>);
        };
        return __builtin_shufflevector(a, b, at(k)...) + __builtin_shufflevector(a, b, (at(k) + unit)...);
    }(std::make_integer_sequence<int, lanes<T>>{});
}
// Lane i is the sum over v[i]; v has as many vectors as a vector has lanes, and is used up. Within 16 bytes
// first: between them shuffles cost more.
template <class T> inline V<T> lane_sums(V<T>* v) {
    constexpr int near = 16 / int(sizeof(T)), far = std::min(near, lanes<T> / 2);
#pragma GCC unroll 8
    for (int count = lanes<T> / 2; count >= 1; count /= 2)
        for (int i = 0; i < count; ++i)
            v[i] = count >= lanes<T> / near ? add_halves<T, 1, near>(v[2 * i], v[2 * i + 1])
                                            : add_halves<T, far, lanes<T>>(v[2 * i], v[2 * i + 1]);
    return v[0];
}
// Lane i of vector j becomes lane j of vector i.
template <class T> inline void transpose(V<T>* v) {
    const auto swap = [&]<int d, int... k>(std::integral_constant<int, d>, std::integer_sequence<int, k...>) {
        for (int i = 0; i < lanes<T>; ++i) {
            if (i & d) continue;
            const V<T> a = v[i], b = v[i + d];
            v[i] = __builtin_shufflevector(a, b, (k & d ? lanes<T> + k - d : k)...);
            v[i + d] = __builtin_shufflevector(a, b, (k & d ? lanes<T> + k : k + d)...);
        }
    };
    constexpr auto each = std::make_integer_sequence<int, lanes<T>>{};
    swap(std::integral_constant<int, 1>{}, each);
    if constexpr (lanes<T> > 2) swap(std::integral_constant<int, 2>{}, each);
    if constexpr (lanes<T> > 4) swap(std::integral_constant<int, 4>{}, each);
    if constexpr (lanes<T> > 8) swap(std::integral_constant<int, 8>{}, each);
}
template <class T, class F> inline V<T> each(V<T> x, F f) {
    V<T> y;
    for (int lane = 0; lane < lanes<T>; ++lane) y[lane] = f(x[lane]);
    return y;
}
template <class T> inline V<T> sqrt(V<T> x) {
    return each<T>(x, [](T t) { return std::sqrt(t); });
}

template <class T> struct InverseFactorials {  // 1 / k!
    T at[16];
    constexpr InverseFactorials() : at{} {
        double factorial = 1;
        for (int k = 0; k < 16; factorial *= ++k) at[k] = T(1 / factorial);
    }
};
template <class T> inline constexpr InverseFactorials<T> inverse_factorials{};

// e^x = 2 scale (1 + p): scale = 2^(n-1), n = x / ln 2 rounded, and p = e^r - 1 for the rest, |r| <= ln 2
// / 2.
template <class T> struct ExpParts {
    V<T> scale, p;
};

template <class T> [[gnu::always_inline]] inline ExpParts<T> exp_parts(V<T> x) {
    using F = Format<T>;
    const V<T> shifted = x * T(1.44269504088896340736) + F::rounder, n = shifted - F::rounder;
    const V<T> r = (x - n * F::ln2_high) - n * F::ln2_low;
    V<T> q = all<T>(inverse_factorials<T>.at[F::exp_degree]);
#pragma GCC unroll 16
    for (int k = F::exp_degree - 1; k >= 1; --k) q = q * r + inverse_factorials<T>.at[k];
    const I<T> exponent = (I<T>)shifted - (I<T>)all<T>(F::rounder) + Int<T>(F::bias - 1);
    return {(V<T>)(exponent << F::mantissa_bits), r * q};
}

template <class T> [[gnu::always_inline]] inline V<T> clamp(V<T> x, T low, T high) {  // NaN stays NaN
    return min<T>(max<T>(x, all<T>(low)), all<T>(high));
}

template <class T> [[gnu::always_inline]] inline V<T> clamped_exp(V<T> x) {  // neither 0 nor infinite
    const auto [scale, p] = exp_parts<T>(clamp<T>(x, Format<T>::exp_low, Format<T>::exp_high));
    return T(2) * (scale + scale * p);
}

template <class T> [[gnu::always_inline]] inline V<T> exp(V<T> x) {
    const V<T> y = clamped_exp<T>(x),
               high = x > Format<T>::exp_high ? all<T>(std::numeric_limits<T>::infinity()) : y;
    return x < Format<T>::exp_low ? V<T>{} : high;
}

template <class T> [[gnu::always_inline]] inline V<T> expm1(V<T> x) {  // for x <= 40
    const auto [scale, p] = exp_parts<T>(clamp<T>(x, T(-40), T(40)));
    return T(2) * scale * p + (T(2) * scale - T(1));
}

// ln x for normal x > 0: x = 2^e m, m in [1/sqrt 2, sqrt 2), ln m = 2 atanh((m - 1) / (m + 1)).
template <class T> [[gnu::always_inline]] inline V<T> log(V<T> x) {
    using F = Format<T>;
    const Int<T> root_half = sizeof(T) == 4 ? Int<T>(0x3f3504f3) : Int<T>(0x3fe6a09e667f3bcdLL);
    const I<T> raw = (I<T>)x, e = (raw - root_half) >> F::mantissa_bits;
    const V<T> m = (V<T>)(raw - (e << F::mantissa_bits)), exponent = __builtin_convertvector(e, V<T>);
    const V<T> f = (m - T(1)) / (m + T(1)), s = f * f;
    V<T> q = all<T>(T(1) / T(2 * F::log_terms + 1));
#pragma GCC unroll 16
    for (int k = F::log_terms - 1; k >= 1; --k) q = q * s + T(1) / T(2 * k + 1);
    const V<T> tail = exponent * F::ln2_low + T(2) * f * s * q;
    V<T> y = exponent * F::ln2_high + (T(2) * f + tail);
    y = x == std::numeric_limits<T>::infinity() ? x : y;
    return x == x ? y : x;
}

template <class T>
[[gnu::always_inline]] inline V<T> log1p(V<T> u) {  // for u >= 0: what rounding 1 + u has lost is added back
    const V<T> one_plus = T(1) + u;
    return log<T>(one_plus) + (u - (one_plus - T(1))) / one_plus;
}

template <class T> [[gnu::always_inline]] inline V<T> sigmoid(V<T> z) {
    return T(1) / (T(1) + clamped_exp<T>(-z));
}

template <class T> [[gnu::always_inline]] inline V<T> softplus(V<T> z) {
    return max<T>(z, V<T>{}) + log1p<T>(exp<T>(-abs<T>(z)));
}

template <class T> [[gnu::always_inline]] inline V<T> tanh(V<T> z) {
    const V<T> e = expm1<T>(T(2) * min<T>(abs<T>(z), all<T>(19))), t = e / (e + T(2));
    return z < T(0) ? -t : t;
}

template <class T> inline V<T> normal_cdf(V<T> z) {
    return each<T>(z, [](T t) { return T(0.5) * std::erfc(-t * T(0.70710678118654752440)); });
}

}  // namespace deltarule::DELTARULE_ISA
