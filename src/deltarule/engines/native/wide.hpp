// Wide networks: units fill the vector lanes; rows are processed in chunks whose results do not depend on who
// computes them. Layout: W of a layer in panels of `columns` units, [panel][input][unit]; for pulling deltas
// back also its transpose, [panel of inputs][unit][input]. Values of the rows of a batch in C order, each row
// padded to whole panels. A step: (1) chunks of rows go forward and backward, (2) tiles of dW are summed over
// all rows and updated by one owner.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>

#include "kernel.hpp"
#include "losses.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "threads.hpp"

namespace deltarule::DELTARULE_ISA {

inline constexpr std::ptrdiff_t chunk_rows = 96,
                                tile_inputs = 96;  // multiples of every block_rows and panel width

inline std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t to) { return (n + to - 1) / to * to; }

// Panels of one matrix with `in` rows and `out` columns.
template <class T> struct Panels {
    int in, out, vectors, columns, count;
    std::size_t start;  // in the memory of all panels
    Panels(int in, int out, std::size_t start)
        : in(in),
          out(out),
          vectors(out <= lanes<T> ? 1 : 2),
          columns(vectors * lanes<T>),
          count(int(round_up(out, columns) / columns)),
          start(start) {}
    std::size_t size() const { return std::size_t(count) * in * columns; }
    std::ptrdiff_t width() const { return std::ptrdiff_t(count) * columns; }
    std::size_t panel(int p) const { return start + std::size_t(p) * in * columns; }
    std::size_t at(int i, int o) const { return panel(o / columns) + std::size_t(i) * columns + o % columns; }
};

inline bool needs_z(Activation activation) {  // the others find their slope from a alone
    return activation == Activation::gelu || activation == Activation::silu ||
           activation == Activation::mish || activation == Activation::softplus;
}

// Sum of f(r) over n rows, in the same portions as the micro-kernel.
template <class T, class F> inline V<T> row_sums(std::ptrdiff_t n, F f) {
    V<T> total{};
    for (std::ptrdiff_t begin = 0; begin < n; begin += sum_rows) {
        V<T> part{};
        for (std::ptrdiff_t r = begin; r < std::min(n, begin + sum_rows); ++r) part += f(r);
        total += part;
    }
    return total;
}

template <class T> class Wide {
  public:
    Wide(const Network& net, const Objective& objective, const Optimizer& optimizer, const Rows<T>& rows,
         std::ptrdiff_t largest_step, Team& team)
        : net(net), objective(objective), optimizer(optimizer), rows(rows), place(places(net)), team(team) {
        const std::ptrdiff_t widest = *std::max_element(net.widths.begin() + 1, net.widths.end());
        // The rows of a large step are taken span by span, so that memory stays bounded.
        span_rows = std::min(round_up(largest_step, chunk_rows),
                             std::max(chunk_rows, round_up((1 << 19) / widest, chunk_rows)));
        std::size_t transposed = 0;
        for (int l = 0; l < net.layers(); ++l) {
            const auto& [i, o, W_at, b_at] = place[l];
            const Panels<T> forward(i, o, padded), backward(o, i, transposed);
            panels.push_back(forward), transposed_panels.push_back(backward);
            bias.push_back(padded + forward.size());
            padded += forward.size() + forward.width();
            if (l > 0) transposed += backward.size();
            stride.push_back(forward.width() + lanes<T>);  // not a power of two: rows would share cache sets
            const std::size_t values = std::size_t(span_rows) * stride[l];
            a.emplace_back(new Aligned<T>(values)), delta.emplace_back(new Aligned<T>(values));
            z.emplace_back(new Aligned<T>(needs_z(net.activations[l]) || l + 1 == net.layers() ? values : 0));
            for (int p = 0; p < forward.count; ++p)
                for (int first = 0; first < i; first += int(tile_inputs))
                    tiles.push_back({l, p, first, std::min(i, first + int(tile_inputs))});
        }
        memory.reset((optimizer.slots() + 2) * padded);
        back.reset(transposed);
        x_rows.resize(net.layers(), std::vector<const T*>(span_rows + block_rows));
        for (int l = 1; l < net.layers(); ++l)
            for (std::ptrdiff_t r = 0; r < span_rows; ++r)
                x_rows[l][r] = a[l - 1]->data() + r * stride[l - 1];
        losses.resize(span_rows);
    }

    void load_state(const State<T>& state) {
        copy(state, [](T& mine, T& theirs) { mine = theirs; }), transpose();
    }
    void save_state(const State<T>& state) {
        copy(state, [](T& mine, T& theirs) { theirs = mine; });
    }

    // Called by all threads together; returns the sum of the weighted losses to thread 0, or nothing where it
    // was stopped on its way, before a parameter has changed.
    std::optional<double> step(const Epoch& epoch, const Step& step, int thread,
                               const std::function<bool()>& stopped) {
        double loss = 0.0;
        for (std::ptrdiff_t begin = step.begin; begin < step.end; begin += span_rows) {
            const std::ptrdiff_t n = std::min(span_rows, step.end - begin);
            for (std::ptrdiff_t c; (c = chunk_rows * chunks.take()) < n;)
                chunk(epoch, begin, c, std::min(chunk_rows, n - c));
            team.wait();
            if (thread == 0) {
                chunks.reset();
                for (std::ptrdiff_t r = 0; r < n; ++r) loss += double(losses[r]);
                stopping = stopped();
            }
            const bool first = begin == step.begin, last = begin + n == step.end;
            for (int t; (t = tile_dealer.take()) < int(tiles.size());) tile(tiles[t], n, first, last, step);
            team.wait();
            if (thread == 0) tile_dealer.reset();
            if (stopping && !last) return {};
        }
        return loss;
    }

    double penalty_now(const State<T>& state) {
        save_state(state);
        return penalty(objective, net, state.theta);
    }

  private:
    struct Tile {
        int layer, panel, first, end;
    };  // inputs first ... end of one panel

    T* slot(int s) const { return memory.data() + std::size_t(s + 1) * padded; }  // the optimizer's memory
    T* gradient() const { return memory.data() + std::size_t(optimizer.slots() + 1) * padded; }

    // Visit every parameter here and in theta.
    template <class F> void copy(const State<T>& state, F f) {
        for (int s = -1; s < optimizer.slots(); ++s) {
            T *mine = memory.data() + std::size_t(s + 1) * padded,
              *theirs = s < 0 ? state.theta : state.slot[s];
            for (int l = 0; l < net.layers(); ++l) {
                const auto& [i, o, W_at, b_at] = place[l];
                for (int m = 0; m < i; ++m)
                    for (int j = 0; j < o; ++j)
                        f(mine[panels[l].at(m, j)], theirs[W_at + std::size_t(m) * o + j]);
                if (net.bias)
                    for (int j = 0; j < o; ++j) f(mine[bias[l] + j], theirs[b_at + j]);
            }
        }
    }

    void transpose() {
        for (const Tile& t : tiles) transpose(t);
    }

    void transpose(const Tile& t) {
        if (t.layer == 0) return;
        const Panels<T>&W = panels[t.layer], &Wt = transposed_panels[t.layer];
        const int begin = t.panel * W.columns, end = std::min(W.out, begin + W.columns);
        const T* from = memory.data() + W.panel(t.panel);
        for (int j = begin; j < end; ++j)
            for (int m = t.first; m < t.end; ++m)
                back[Wt.at(j, m)] = from[std::size_t(m) * W.columns + (j - begin)];
    }

    // Rows begin + first ... of the step's order, forward and backward, up to the deltas of every layer.
    void chunk(const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t first, std::ptrdiff_t count) {
        const auto row = [&](std::ptrdiff_t r) {
            return epoch.order.empty() ? begin + r : std::ptrdiff_t(epoch.order[begin + r]);
        };
        const std::ptrdiff_t end = first + round_up(count, block_rows);
        for (std::ptrdiff_t r = first; r < end; ++r)
            x_rows[0][r] = rows.X + row(std::min(r, first + count - 1)) * net.inputs();
        for (int l = 0; l < net.layers(); ++l) {
            const bool output = l + 1 == net.layers();
            with_vectors(panels[l].vectors, [&](auto vectors) { forward<vectors>(l, first, end, output); });
        }
        for (std::ptrdiff_t r = first; r < first + count; r += lanes<T>)
            output_group(row, r, int(std::min<std::ptrdiff_t>(lanes<T>, first + count - r)));
        for (int l = net.layers() - 1; l > 0; --l)
            with_vectors(transposed_panels[l].vectors,
                         [&](auto vectors) { pull_back<vectors>(l, first, end); });
    }

    template <class F> static void with_vectors(int vectors, F f) {
        if (vectors == 1) f(std::integral_constant<int, 1>{});
        else f(std::integral_constant<int, 2>{});
    }

    template <int vectors> void forward(int l, std::ptrdiff_t first, std::ptrdiff_t end, bool output) {
        const Panels<T>& W = panels[l];
        T* to = output || needs_z(net.activations[l]) ? z[l]->data() : a[l]->data();
        for (int p = 0; p < W.count; ++p)
            for (std::ptrdiff_t r = first; r < end; r += block_rows) {
                const auto block = product<T, vectors>(&x_rows[l][r], W.in, memory.data() + W.panel(p));
                const std::ptrdiff_t column = std::ptrdiff_t(p) * W.columns;
                for (int v = 0; v < vectors; ++v) {
                    const V<T> b = load<T>(memory.data() + bias[l] + column + v * lanes<T>);
                    for (int m = 0; m < block_rows; ++m)
                        store<T>(to + (r + m) * stride[l] + column + v * lanes<T>, block.sum[m][v] + b);
                }
            }
        if (output) return;
        T* out = a[l]->data();
        if (net.activations[l] == Activation::softmax) return softmax_rows(l, first, end);
        with_activation<T>(net.activations[l], [&](auto phi) {
            for (std::ptrdiff_t r = first; r < end; ++r)
                for (std::ptrdiff_t at = r * stride[l]; at < r * stride[l] + W.width(); at += lanes<T>)
                    store<T>(out + at, phi.value(load<T>(to + at)));
        });
    }

    // The output layer of up to `lanes` rows at once: row r is lane r.
    template <class F> void output_group(F row, std::ptrdiff_t first, int count) {
        const int l = net.layers() - 1, k = net.outputs();
        thread_local std::vector<T> scratch;
        scratch.assign(std::size_t(4 * k + 1) * lanes<T> + lanes<T>, T(0));
        const auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
        V<T>* z_k = reinterpret_cast<V<T>*>((address + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES);
        V<T>*y_k = z_k + k, *a_k = y_k + k, *d_k = a_k + k;
        const auto lane = [](V<T>* vector, int place) -> T& { return reinterpret_cast<T*>(vector)[place]; };
        V<T> weight{};
        for (int m = 0; m < count; ++m) {
            const std::ptrdiff_t from = row(first + m);
            for (int j = 0; j < k; ++j) {
                lane(z_k + j, m) =
                    (*z[l])[(first + m) * stride[l] + j] + (rows.offset ? rows.offset[from * k + j] : T(0));
                lane(y_k + j, m) = rows.y[from * k + j];
            }
            lane(&weight, m) = rows.w ? rows.w[from] : T(1);
        }
        const V<T> loss = loss_and_delta<T>(objective.loss, net.activations[l], z_k, y_k, a_k, d_k, k);
        for (int m = 0; m < count; ++m) {
            const T w = lane(&weight, m);
            losses[first + m] = w > T(0) ? loss[m] * w : T(0);
            for (int j = 0; j < k; ++j)
                (*delta[l])[(first + m) * stride[l] + j] = w > T(0) ? lane(d_k + j, m) * w : T(0);
        }
    }

    // From delta of layer l to delta of the layer below.
    template <int vectors> void pull_back(int l, std::ptrdiff_t first, std::ptrdiff_t end) {
        const Panels<T>& Wt = transposed_panels[l];
        const int below = l - 1;
        const T *from = delta[l]->data(), *a_l = a[below]->data(),
                *z_l = needs_z(net.activations[below]) ? z[below]->data() : a_l;
        T* to = delta[below]->data();
        const bool whole_rows = net.activations[below] == Activation::softmax;
        for (int p = 0; p < Wt.count; ++p)
            for (std::ptrdiff_t r = first; r < end; r += block_rows) {
                const T* row[block_rows];
                for (int m = 0; m < block_rows; ++m) row[m] = from + (r + m) * stride[l];
                const auto d_a = product<T, vectors>(row, Wt.in, back.data() + Wt.panel(p));
                const auto store_with = [&](auto slope) {
                    for (int m = 0; m < block_rows; ++m)
                        for (int v = 0; v < vectors; ++v) {
                            const std::ptrdiff_t at =
                                (r + m) * stride[below] + std::ptrdiff_t(p) * Wt.columns + v * lanes<T>;
                            if (at - (r + m) * stride[below] < panels[below].width())
                                store<T>(to + at, slope(d_a.sum[m][v], at));
                        }
                };
                if (whole_rows) store_with([](V<T> d, std::ptrdiff_t) { return d; });
                else
                    with_activation<T>(net.activations[below], [&](auto phi) {
                        store_with([&](V<T> d, std::ptrdiff_t at) {
                            return d * phi.slope(load<T>(z_l + at), load<T>(a_l + at));
                        });
                    });
            }
        if (whole_rows) softmax_pull_back_rows(below, first, end);
    }

    void softmax_rows(int l, std::ptrdiff_t first, std::ptrdiff_t end) {
        const int o = net.widths[l + 1];
        for (std::ptrdiff_t r = first; r < end; ++r) {
            T* row = a[l]->data() + r * stride[l];
            const T top = *std::max_element(row, row + o);
            T total = 0;
            for (int j = 0; j < o; ++j) total += row[j] = std::exp(row[j] - top);
            for (int j = 0; j < o; ++j) row[j] /= total;
        }
    }

    void softmax_pull_back_rows(int l, std::ptrdiff_t first, std::ptrdiff_t end) {
        const int o = net.widths[l + 1];
        for (std::ptrdiff_t r = first; r < end; ++r) {
            const T* row = a[l]->data() + r * stride[l];
            T *d = delta[l]->data() + r * stride[l], dot = 0;
            for (int j = 0; j < o; ++j) dot += row[j] * d[j];
            for (int j = 0; j < o; ++j) d[j] = row[j] * (d[j] - dot);
        }
    }

    void tile(const Tile& t, std::ptrdiff_t n, bool first, bool last, const Step& step) {
        if (step.t == 0) return;
        const Update<T> update(optimizer, objective, t.layer, step);
        with_vectors(panels[t.layer].vectors,
                     [&](auto vectors) { tile<vectors>(t, n, first, last, update); });
        if (last) transpose(t);
    }

    template <int vectors>
    void tile(const Tile& t, std::ptrdiff_t n, bool first, bool last, const Update<T>& update) {
        const Panels<T>& W = panels[t.layer];
        const T* deltas = delta[t.layer]->data() + std::ptrdiff_t(t.panel) * W.columns;
        for (int begin = t.first; begin < t.end; begin += block_rows) {
            // The last block of inputs begins earlier rather than read beyond a row; what overlaps is left as
            // it is.
            const bool short_row = t.layer == 0 && begin + block_rows > W.in;
            const int from = short_row ? std::max(0, W.in - block_rows) : begin,
                      count = std::min(t.end, begin + block_rows) - begin;
            if (short_row && W.in < block_rows) {
                few_inputs<vectors>(t, n, first, last, update, deltas);
                continue;
            }
            const auto sums = outer<T, vectors>(x_rows[t.layer].data(), from, n, deltas, stride[t.layer]);
            for (int m = 0; m < count; ++m)
                for (int v = 0; v < vectors; ++v)
                    settle(W.panel(t.panel) + std::size_t(begin + m) * W.columns + v * lanes<T>,
                           sums.sum[begin - from + m][v], first, last, update, 0);
        }
        if (t.first == 0 && net.bias)
            for (int v = 0; v < vectors; ++v) {
                const auto total = row_sums<T>(n, [&](std::ptrdiff_t r) {
                    return load<T>(deltas + r * stride[t.layer] + v * lanes<T>);
                });
                settle(bias[t.layer] + std::size_t(t.panel) * W.columns + v * lanes<T>, total, first, last,
                       update, 1);
            }
    }

    // The first layer of a network with fewer inputs than a block has rows.
    template <int vectors>
    void few_inputs(const Tile& t, std::ptrdiff_t n, bool first, bool last, const Update<T>& update,
                    const T* deltas) {
        const Panels<T>& W = panels[t.layer];
        for (int m = 0; m < W.in; ++m)
            for (int v = 0; v < vectors; ++v) {
                const auto total = row_sums<T>(n, [&](std::ptrdiff_t r) {
                    return x_rows[0][r][m] * load<T>(deltas + r * stride[0] + v * lanes<T>);
                });
                settle(W.panel(t.panel) + std::size_t(m) * W.columns + v * lanes<T>, total, first, last,
                       update, 0);
            }
    }

    // Add a vector of the gradient to what earlier spans have summed; after the last span, update its
    // parameters.
    void settle(std::size_t at, V<T> sums, bool first, bool last, const Update<T>& update, int kind) {
        T *g = gradient() + at, none[lanes<T>];
        if (!first) sums += load<T>(g);
        if (!last) return store<T>(g, sums);
        const int slots = optimizer.slots();
        update(memory.data() + at, sums, slots > 0 ? slot(0) + at : none, slots > 1 ? slot(1) + at : none,
               kind);
    }

    const Network& net;
    const Objective& objective;
    const Optimizer& optimizer;
    const Rows<T>& rows;
    const std::vector<Place> place;
    Team& team;
    std::ptrdiff_t span_rows;
    std::size_t padded = 0;
    std::vector<Panels<T>> panels, transposed_panels;
    std::vector<std::size_t> bias;
    std::vector<std::ptrdiff_t> stride;
    std::vector<std::unique_ptr<Aligned<T>>> z, a, delta;
    std::vector<std::vector<const T*>> x_rows;
    std::vector<Tile> tiles;
    std::vector<T> losses;
    Aligned<T> memory, back;
    Dealer chunks, tile_dealer;
    bool stopping = false;
};

}  // namespace deltarule::DELTARULE_ISA
