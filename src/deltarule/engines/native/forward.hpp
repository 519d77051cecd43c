// The forward pass of wide networks: units fill the vector lanes. Chunks of rows go through all layers by
// themselves, so their results do not depend on who computes them. Layout: see panels.hpp; the inputs
// stay where they are.
#pragma once

#include <memory>

#include "dropout.hpp"
#include "kernel.hpp"
#include "losses.hpp"

namespace deltarule::DELTARULE_ISA {

inline bool needs_z(Activation activation) {  // the others find their slope from a alone
    return activation == Activation::gelu || activation == Activation::silu ||
           activation == Activation::mish || activation == Activation::softplus;
}

inline constexpr std::ptrdiff_t chunk_rows = 32;  // a multiple of row_multiple

// The rows of the next chunk are fetched from memory little by little, while this one's are computed with.
class Prefetch {
  public:
    void start(std::size_t bytes_of_a_row) { bytes = bytes_of_a_row, count = done = 0, offset = 0; }
    void add(const void* row) { rows[count++] = static_cast<const char*>(row); }
    void spread(std::ptrdiff_t times) {
        each = count * (bytes / 64 + 1) / std::max<std::ptrdiff_t>(1, times) + 1;
    }
    // The first of them, or where there is none, another.
    template <class T> const T* first(const T* other) const {
        return count ? reinterpret_cast<const T*>(rows[0]) : other;
    }
    void some() {
        for (std::size_t line = 0; line < each && done < count; ++line) {
            __builtin_prefetch(rows[done] + offset, 0, 2);
            offset += 64;
            if (offset >= bytes) offset = 0, ++done;
        }
    }

  private:
    const char* rows[chunk_rows];
    std::size_t bytes = 0, offset = 0, each = 0;
    int count = 0, done = 0;
};

template <class T> class Forward {
  public:
    // Room for `span_rows` rows, a multiple of row_multiple.
    Forward(const Network& net, const Rows<T>& rows, std::ptrdiff_t span_rows, const Dropout& dropout = {})
        : net(net), rows(rows), dropout(dropout), place(places(net)), x(span_rows), losses(span_rows) {
        panels.reserve(net.widths.size());
        for (const int width : net.widths) panels.emplace_back(width);
        for (int l = 0; l < net.layers(); ++l) {
            W.emplace_back(panels[l], panels[l + 1], size);
            b.push_back(size += W[l].size());
            size += panels[l + 1].padded;
        }
        for (int l = 0; l <= net.layers(); ++l) {
            const bool keeps_z = l > 0 && l < net.layers() && needs_z(net.activations[l - 1]);
            values.emplace_back(new Values<T>(panels[l], l > 0 ? span_rows : 0));
            z.emplace_back(new Values<T>(panels[l], keeps_z ? span_rows : 0));
        }
        for (int l = 0; dropout.drops() && l < net.layers(); ++l) {
            factors.emplace_back(new Values<T>(panels[l], l > 0 ? span_rows : 0));
            kept.emplace_back(new Values<T>(panels[l], l > 0 ? span_rows : 0));
        }
        memory.reset(size);
    }

    // Visit every parameter at `mine` (laid out as W and b say) and in theta.
    template <class F> void each_parameter(T* mine, T* theirs, F f) const {
        for (int l = 0; l < net.layers(); ++l) {
            const auto& [i, o, W_at, b_at] = place[l];
            for (int p = 0; p < panels[l + 1].count(); ++p) {
                const auto [begin, columns] = panels[l + 1][p];
                const int used = panels[l + 1].used(p);
                for (int m = 0; m < i; ++m)
                    for (int j = 0; j < used; ++j)
                        f(mine[W[l].at(p, m) + j], theirs[W_at + std::size_t(m) * o + begin + j]);
                if (net.bias)
                    for (int j = 0; j < used; ++j) f(mine[b[l] + begin + j], theirs[b_at + begin + j]);
            }
        }
    }

    // Rows first ... first + count of the span whose r-th row is row(r): where they are.
    template <class F> void locate(F row, std::ptrdiff_t first, std::ptrdiff_t count) {
        for (std::ptrdiff_t r = first; r < first + round_up(count, row_multiple); ++r)
            x[r] = rows.X + row(std::min(r, first + count - 1)) * net.inputs();
    }

    // ... and which of their hidden units stay.
    template <class F> void draw(F row, std::uint64_t epoch, std::ptrdiff_t first, std::ptrdiff_t count) {
        thread_local std::vector<T> drawn;
        for (int l = 1; l < int(factors.size()); ++l) {
            const Factors<T> r(dropout, l, epoch);
            drawn.resize(round_up(panels[l].padded, r.portion));
            for (std::ptrdiff_t m = first; m < first + count; ++m) {
                r.of_row(row(m), panels[l].padded, drawn.data());
                for (int p = 0; p < panels[l].count(); ++p)
                    std::copy_n(drawn.data() + panels[l][p].begin, panels[l][p].columns,
                                factors[l]->at(p, m));
            }
        }
    }

    // What layer l + 1 reads, l counted from the inputs, 0: the activations, or with dropout what is kept.
    const Values<T>& outputs_of(int l) const { return kept.empty() ? *values[l] : *kept[l]; }

    // ... and, once located, from layer `from` on up to z of the output layer.
    void forward(std::ptrdiff_t first, std::ptrdiff_t count, Prefetch& ahead, int from = 0) {
        ahead.spread(panels[1].count() * panels[0].count() * count / block_rows<T, 3>);
        const auto some = [&] { ahead.some(); };
        for (int l = from; l < net.layers(); ++l)
            for (int p = 0; p < panels[l + 1].count(); ++p) {
                const auto product = [&](const auto& from) {
                    multiply<T>(from, W[l], memory.data(), p, *values[l + 1], first, first + count);
                };
                if (l == 0) product(FromRows<T, decltype(some)>{panels[0], x.data(), some});
                else product(FromValues<T>{outputs_of(l)});
                activate_panel(l, p, first, count);
            }
    }

    // From the sums of panel p to z and a of layer l.
    void activate_panel(int l, int p, std::ptrdiff_t first, std::ptrdiff_t count) {
        const Activation activation = net.activations[l];
        const bool output = l + 1 == net.layers(), softmax = activation == Activation::softmax;
        if (output || softmax) add_bias(l, p, first, count, Identity<T>{});
        else with_activation<T>(activation, [&](auto phi) { add_bias(l, p, first, count, phi); });
        const bool whole = p + 1 == panels[l + 1].count();
        if (softmax && !output && whole) softmax_rows(l, first, first + count);
        if (kept.empty() || output || (softmax && !whole)) return;
        for (int q = softmax ? 0 : p; q <= p; ++q) keep(l + 1, q, first, count);
    }

    // Rows begin ... begin + n of the inputs in panel q, padded, [row][input], in `room`.
    const T* padded_inputs(int q, std::ptrdiff_t begin, std::ptrdiff_t n, T* room) const {
        const auto [at, columns] = panels[0][q];
        for (std::ptrdiff_t r = 0; r < n; ++r)
            std::copy_n(x[begin + r] + at, panels[0].used(q), room + r * columns);
        return room;
    }

    // Visit a row's value of every unit of layer l (counted from the inputs, 0), and the same unit's in
    // `other`.
    template <class F> void each_unit(int l, std::ptrdiff_t r, F f, const Values<T>& other) const {
        for (int p = 0; p < panels[l].count(); ++p)
            for (int j = 0; j < panels[l].used(p); ++j) f(values[l]->at(p, r)[j], other.at(p, r)[j]);
    }

    // Their losses, and into delta (one Values), where it is given, their weighted deltas.
    template <class F>
    void outputs(F row, std::ptrdiff_t first, std::ptrdiff_t count, Loss loss, Values<T>* delta) {
        const int last = net.layers();
        for (std::ptrdiff_t r = first; r < first + count; r += lanes<T>) {
            const int some = int(std::min<std::ptrdiff_t>(lanes<T>, first + count - r));
            const Group group = output_group(row, r, some);
            V<T> value, w = all<T>(1);
            loss_and_delta<T, 1>(loss, net.activations[last - 1], &group.log_total, group.z, group.y, group.a,
                                 group.delta, net.outputs(), &value);
            for (int m = 0; rows.w && m < some; ++m) w[m] = rows.w[row(r + m)];
            const auto counts = w > T(0);
            value = counts ? value * w : V<T>{};
            for (int m = 0; m < some; ++m) losses[r + m] = value[m];
            if (!delta) continue;
            for (int j = 0; j < net.outputs(); ++j) group.delta[j] = counts ? group.delta[j] * w : V<T>{};
            delta->put(r, some, group.delta);
        }
    }

    // Their y_hat, in C order from `to` on.
    template <class F> void predictions(F row, std::ptrdiff_t first, std::ptrdiff_t count, T* to) const {
        for (std::ptrdiff_t r = first; r < first + count; r += lanes<T>) {
            const int some = int(std::min<std::ptrdiff_t>(lanes<T>, first + count - r));
            const Group group = output_group(row, r, some);
            for (int m = 0; m < some; ++m)
                for (int j = 0; j < net.outputs(); ++j) *to++ = lane(group.a + j, m);
        }
    }

    const Network& net;
    const Rows<T>& rows;
    const Dropout dropout;
    const std::vector<Place> place;
    std::vector<Panels<T>> panels;  // of the inputs and of every layer
    std::vector<Matrix<T>> W;       // where in memory
    std::vector<std::size_t> b;
    std::size_t size = 0;                                   // of all parameters, padded
    Aligned<T> memory;                                      // the parameters
    std::vector<std::unique_ptr<Values<T>>> values, z;      // a of each layer from 1 on (of the last: z)
    std::vector<std::unique_ptr<Values<T>>> factors, kept;  // with dropout: r of each layer, and a r
    std::vector<const T*> x;                                // the rows
    std::vector<T> losses;

  private:
    template <class Phi> void add_bias(int l, int p, std::ptrdiff_t first, std::ptrdiff_t count, Phi phi) {
        const int columns = panels[l + 1][p].columns;
        const T* bias = memory.data() + b[l] + panels[l + 1][p].begin;
        T *a_l = values[l + 1]->at(p, first), *z_l = z[l + 1]->at(p, first);
        const bool keeps_z = l + 1 < net.layers() && needs_z(net.activations[l]);
        for (std::ptrdiff_t row = 0; row < count * columns; row += columns)
            for (int j = 0; j < columns; j += lanes<T>) {
                const V<T> sum = load<T>(a_l + row + j) + load<T>(bias + j);
                if (keeps_z) store<T>(z_l + row + j, sum);
                store<T>(a_l + row + j, phi.value(sum));
            }
    }

    void keep(int l, int p, std::ptrdiff_t first, std::ptrdiff_t count) {
        const T *a = values[l]->at(p, first), *r = factors[l]->at(p, first);
        T* const to = kept[l]->at(p, first);
        for (std::ptrdiff_t at = 0; at < count * panels[l][p].columns; at += lanes<T>)
            store<T>(to + at, load<T>(a + at) * load<T>(r + at));
    }

    void softmax_rows(int l, std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t r = first; r < end; ++r) {
            T top = values[l + 1]->at(0, r)[0], total = 0;
            each_unit(l + 1, r, [&](T& a, T&) { top = std::max(top, a); }, *values[l + 1]);
            each_unit(l + 1, r, [&](T& a, T&) { total += a = std::exp(a - top); }, *values[l + 1]);
            each_unit(l + 1, r, [&](T& a, T&) { a /= total; }, *values[l + 1]);
        }
    }

    // The output layer of up to `lanes` rows at once, k vectors each: row r is lane r.
    struct Group {
        V<T>*z, *y, *a, *delta, log_total;
    };

    // Rows first ... first + count: z with the offset, y where there are targets, and a.
    template <class F> Group output_group(F row, std::ptrdiff_t first, int count) const {
        const int k = net.outputs(), last = net.layers(), padded = panels[last].padded;
        thread_local Aligned<T> scratch;
        thread_local int room = 0;
        if (room < padded) scratch.reset(std::size_t(4 * padded) * lanes<T>), room = padded;
        V<T>* const z_k = reinterpret_cast<V<T>*>(scratch.data());
        Group group{z_k, z_k + padded, z_k + 2 * padded, z_k + 3 * padded, V<T>{}};
        std::fill(group.delta + k, group.delta + padded, V<T>{});
        std::ptrdiff_t at[lanes<T>];
        for (int m = 0; m < lanes<T>; ++m) at[m] = row(first + (m < count ? m : 0));
        values[last]->get(first, count, group.z);
        if (rows.y) to_lanes<T>(rows.y, k, at, group.y);
        if (rows.offset) {
            to_lanes<T>(rows.offset, k, at, group.a);
            for (int j = 0; j < k; ++j) group.z[j] += group.a[j];
        }
        group.log_total = activate<T>(net.activations[last - 1], group.z, group.a, k);
        return group;
    }

    static T& lane(V<T>* vector, int m) { return reinterpret_cast<T*>(vector)[m]; }
};

}  // namespace deltarule::DELTARULE_ISA
