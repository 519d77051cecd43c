// The micro-kernel: a block of `block_rows` by `2 * lanes` (or `lanes`) sums of products, held in registers.
// One kernel serves all three products; only where the scalar operand comes from differs:
//   z = x W       scalar x[row][k],   vector W[k][columns]      (block rows are rows,   k runs over inputs)
//   d_a = delta W'  scalar delta[row][k], vector W'[k][columns]   (the same)
//   dW = x' delta scalar x[k][input], vector delta[k][columns]   (block rows are inputs, k runs over rows)
#pragma once

#include <algorithm>

#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

#if VECTOR_BYTES == 64
inline constexpr int block_rows = 12;  // 24 sums, 2 vectors and a scalar in 32 registers
#else
inline constexpr int block_rows = 6;  // 12 sums, 2 vectors and a scalar in 16 registers
#endif

inline constexpr std::ptrdiff_t sum_rows = 256;  // added up alone first: long sums lose less to rounding

template <class T, int vectors> struct Block {
    V<T> sum[block_rows][vectors];
};

// Sum over k of x[m][k] * B[k][...]; x: block_rows pointers, B: panel with `vectors` vectors per k.
template <class T, int vectors>
inline Block<T, vectors> product(const T* const* x, std::ptrdiff_t n_k, const T* B) {
    Block<T, vectors> block{};
    const T* row[block_rows];
    for (int m = 0; m < block_rows; ++m) row[m] = x[m];
    for (std::ptrdiff_t k = 0; k < n_k; ++k, B += vectors * lanes<T>) {
        V<T> b[vectors];
        for (int v = 0; v < vectors; ++v) b[v] = load<T>(B + v * lanes<T>);
#pragma GCC unroll 12
        for (int m = 0; m < block_rows; ++m)
            for (int v = 0; v < vectors; ++v) block.sum[m][v] += row[m][k] * b[v];
    }
    return block;
}

// Sum over rows k of x[k][first + m] * delta[k][...]; delta: rows of `stride` values, from the panel's first
// column on.
template <class T, int vectors>
inline Block<T, vectors> outer(const T* const* x, std::ptrdiff_t first, std::ptrdiff_t n_rows, const T* delta,
                               std::ptrdiff_t stride) {
    Block<T, vectors> total{};
    for (std::ptrdiff_t begin = 0; begin < n_rows; begin += sum_rows) {
        Block<T, vectors> block{};
        for (std::ptrdiff_t k = begin; k < std::min(n_rows, begin + sum_rows); ++k, delta += stride) {
            V<T> b[vectors];
            for (int v = 0; v < vectors; ++v) b[v] = load<T>(delta + v * lanes<T>);
            const T* row = x[k] + first;
#pragma GCC unroll 12
            for (int m = 0; m < block_rows; ++m)
                for (int v = 0; v < vectors; ++v) block.sum[m][v] += row[m] * b[v];
        }
        for (int m = 0; m < block_rows; ++m)
            for (int v = 0; v < vectors; ++v) total.sum[m][v] += block.sum[m][v];
    }
    return total;
}

}  // namespace deltarule::DELTARULE_ISA
