// The micro-kernel: a block of a few rows by one to three vectors of sums of products, held in registers.
// One kernel serves all three products; only where the scalar operand comes from differs:
//   z = x W: scalar x[row][k], vector W[k][columns]; block rows are rows, k runs over inputs.
//   d_a = delta W': scalar delta[row][k], vector W'[k][columns]; the same, k runs over units.
//   dW = x' delta: scalar x[k][input], vector delta[k][columns]; block rows are inputs, k runs over rows.
// Sums run in portions of k whose operands stay in the first-level cache: a portion is added up alone first,
// so that long sums lose less to rounding, and in the same order whoever computes it.
#pragma once

#include "panels.hpp"

namespace deltarule::DELTARULE_ISA {

inline constexpr int portion_rows = 128;                               // of a sum over rows
inline constexpr int portion_inputs = 25 * 1024 / (3 * VECTOR_BYTES);  // of a sum over inputs or units

// As many sums as fit the registers beside the vectors and a scalar; a divisor of every panel's columns.
template <class T, int vectors>
inline constexpr int block_rows = std::min(lanes<T>, VECTOR_BYTES == 64 || vectors == 1 ? 8 : 4);
inline constexpr int row_multiple = 8;  // of every block_rows
// Two vectors leave room for six rows, which are faster than four; n % 3 fours leave a multiple of six.
template <class T, int vectors>
inline constexpr int tall_rows = vectors == 2 && VECTOR_BYTES == 32 ? 6 : block_rows<T, vectors>;

// The loops over rows and vectors are written out by the compiler, so that the sums stay in registers.
template <class T, int rows, int vectors> struct Block {
    V<T> sum[rows][vectors] = {};

    // Add the products x(m, k) * B[k][v] for k = 0 ... n_k.
    template <class F> [[gnu::always_inline]] void add(F x, std::ptrdiff_t n_k, const T* B) {
        for (std::ptrdiff_t k = 0; k < n_k; ++k, B += vectors * lanes<T>) {
            V<T> b[vectors];
#pragma GCC unroll 3
            for (int v = 0; v < vectors; ++v) b[v] = in_register<T>(load<T>(B + v * lanes<T>));
#pragma GCC unroll 8
            for (int m = 0; m < rows; ++m) {
                const T scalar = x(m, k);
#pragma GCC unroll 3
                for (int v = 0; v < vectors; ++v) sum[m][v] += scalar * b[v];
            }
        }
    }
    // Put the sums where `to` is, or add them to what is there; one row of the block after another.
    [[gnu::always_inline]] void put(T* to, bool first) const {
#pragma GCC unroll 8
        for (int m = 0; m < rows; ++m)
#pragma GCC unroll 3
            for (int v = 0; v < vectors; ++v, to += lanes<T>)
                store<T>(to, first ? sum[m][v] : load<T>(to) + sum[m][v]);
    }
};

// One row alone: four partial sums, which do not wait for one another.
template <class T, int vectors> struct Block<T, 1, vectors> {
    V<T> sum[4][vectors] = {};

    template <class F> [[gnu::always_inline]] void add(F x, std::ptrdiff_t n_k, const T* B) {
        add_each([&](std::ptrdiff_t k) { return x(0, k); }, n_k,
                 [=](std::ptrdiff_t k, int v) { return load<T>(B + (k * vectors + v) * lanes<T>); });
    }
    // The same with x(k) and vectors B(k, v).
    template <class F, class G> [[gnu::always_inline]] void add_each(F x, std::ptrdiff_t n_k, G B) {
        const auto add_one = [&](V<T>* to, std::ptrdiff_t k) [[gnu::always_inline]] {
#pragma GCC unroll 3
            for (int v = 0; v < vectors; ++v) to[v] += x(k) * B(k, v);
        };
        std::ptrdiff_t k = 0;
        for (; k + 4 <= n_k; k += 4)
#pragma GCC unroll 4
            for (int part = 0; part < 4; ++part) add_one(sum[part], k + part);
        for (; k < n_k; ++k) add_one(sum[0], k);
    }
    [[gnu::always_inline]] void put(T* to, bool first) const {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; ++v, to += lanes<T>) {
            const V<T> total = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
            store<T>(to, first ? total : load<T>(to) + total);
        }
    }
};

// Call f with the number of vectors of a panel as a constant.
template <class T, class F> inline void with_vectors(int columns, F f) {
    if (columns == lanes<T>) f(std::integral_constant<int, 1>{});
    else if (columns == 2 * lanes<T>) f(std::integral_constant<int, 2>{});
    else f(std::integral_constant<int, 3>{});
}

// The scalar operand of x W: values in panels ...
template <class T> struct FromValues {
    const Values<T>& x;
    struct Block {
        const T* at;
        std::ptrdiff_t columns;
        [[gnu::always_inline]] T operator()(int m, std::ptrdiff_t k) const { return at[m * columns + k]; }
    };
    // Input k of row r + m of panel q is (m, k).
    template <int rows> [[gnu::always_inline]] Block block(std::ptrdiff_t r, int q) const {
        return {x.at(q, r), x.panels[q].columns};
    }
};
// ... or rows wherever they lie; `between` is called now and then.
template <class T, class F> struct FromRows {
    const Panels<T>& panels;
    const T* const* x;
    F between;
    template <int rows> struct Block {
        const T* at[rows];
        [[gnu::always_inline]] T operator()(int m, std::ptrdiff_t k) const { return at[m][k]; }
    };
    template <int rows> [[gnu::always_inline]] Block<rows> block(std::ptrdiff_t r, int q) const {
        Block<rows> found;
        for (int m = 0; m < rows; ++m) found.at[m] = x[r + m] + panels[q].begin;
        between();
        return found;
    }
};

// Call f with the panels of inputs, from ... until, of each portion of a sum over inputs.
template <class T, class F> inline void each_portion(const Panels<T>& inputs, F f) {
    const int n = (inputs.width + portion_inputs - 1) / portion_inputs;
    for (int k = 0; k < n; ++k) f(inputs.count() * k / n, inputs.count() * (k + 1) / n);
}

// Rows first ... end of panel p of x W, W lying in `memory`. The rows are rounded up to a multiple of
// row_multiple.
template <class T, class Source>
inline void multiply(const Source& x, const Matrix<T>& W, const T* memory, int p, const Values<T>& to,
                     std::ptrdiff_t first, std::ptrdiff_t end) {
    const Panels<T>& inputs = W.inputs;
    each_portion<T>(inputs, [&](int from, int until) {
        const auto block_of = [&]<int rows, int vectors>(std::ptrdiff_t r) {
            Block<T, rows, vectors> block;
            const T* B = memory + W.at(p, inputs[from].begin);
            for (int q = from; q < until; ++q) {
                block.add(x.template block<rows>(r, q), inputs.used(q), B);
                B += inputs[q].columns * vectors * lanes<T>;
            }
            block.put(to.at(p, r), from == 0);
        };
        with_vectors<T>(W.units[p].columns, [&](auto vectors) {
            constexpr int block = block_rows<T, vectors>, tall = tall_rows<T, vectors>;
            std::ptrdiff_t r = first;
            if (tall > block)
                for (std::ptrdiff_t n = round_up(end - r, 4), fours = n % 3; n > 4 * fours; n -= 6, r += 6)
                    block_of.template operator()<tall, vectors>(r);
            for (; r + 1 < end; r += block) block_of.template operator()<block, vectors>(r);
            if (r < end) block_of.template operator()<1, vectors>(r);
        });
    });
}

// A panel's inputs (row(k) points to those of row k of `n`, at most a portion) by units of panel p of x'
// delta, summed over the rows from `begin` on, into `sums`, [input][unit]; if not the first portion, added to
// what is there.
template <class T, class F>
inline void multiply_transposed(F row, int inputs, const Values<T>& delta, int p, std::ptrdiff_t begin,
                                std::ptrdiff_t n, bool first, T* sums) {
    const T* B = delta.at(p, begin);
    const int units = delta.panels[p].columns;
    with_vectors<T>(units, [&](auto vectors) {
        const auto blocks_of = [&]<int block>(std::integral_constant<int, block>) {
            for (int input = 0; input < inputs; input += block) {
                Block<T, block, vectors> sum;
                sum.add([&](int m, std::ptrdiff_t k) [[gnu::always_inline]] { return row(k)[input + m]; }, n,
                        B);
                sum.put(sums + input * units, first);
            }
        };
        if (inputs % tall_rows<T, vectors> == 0)
            blocks_of(std::integral_constant<int, tall_rows<T, vectors>>{});
        else blocks_of(std::integral_constant<int, block_rows<T, vectors>>{});
    });
}

}  // namespace deltarule::DELTARULE_ISA
