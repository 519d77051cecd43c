// Training wide networks. A step: (1) chunks of rows go forward and backward, (2) tiles of dW are summed over
// all rows of the step, and each is applied to its parameters by whoever summed it. Layout: see panels.hpp;
// the weights from one panel of inputs to one panel of units are contiguous.
#pragma once

#include <optional>

#include "forward.hpp"
#include "one_row.hpp"
#include "threads.hpp"

namespace deltarule::DELTARULE_ISA {

inline constexpr int tile_panels = 8;  // of units, in a tile

template <class T> class Wide {
  public:
    Wide(const Network& net, const Objective& objective, const Optimizer& optimizer, const Dropout& dropout,
         const Rows<T>& rows, std::ptrdiff_t largest_step, Team& team, bool waits)
        : net(net),
          objective(objective),
          optimizer(optimizer),
          rows(rows),
          span_rows(rows_of_a_span(net, largest_step, team.size())),
          forward(net, rows, span_rows, dropout),
          one_by_one(largest_step == 1 && !optimizer.clips() && waits),
          team(team) {
        std::size_t transposed = 0;
        for (int l = 0; l < net.layers(); ++l) {
            const Panels<T>&inputs = forward.panels[l], &units = forward.panels[l + 1];
            Wt.emplace_back(units, inputs, transposed);
            if (l > 0) transposed += Wt[l].size();
            delta.emplace_back(new Values<T>(units, span_rows));
            for (int p = 0; p < units.count(); p += tile_panels)
                for (int q = 0; q < (l == 0 && one_by_one ? 1 : inputs.count()); ++q)
                    tiles.push_back({l, q, p, std::min(units.count(), p + tile_panels)});
        }
        back.reset(transposed);
        slots.reset(optimizer.slots() * forward.size);
        gradient.reset(forward.size);
    }

    void load_state(const State<T>& state) {
        copy(state, [](T& mine, T& theirs) { mine = theirs; });
        for (const Tile& t : tiles)
            for (int p = t.first; p < t.end; ++p) follow(t.layer, p, t.q);
    }
    void save_state(const State<T>& state) {
        if (waiting) catch_up(waiting->x);
        copy(state, [](T& mine, T& theirs) { theirs = mine; });
    }

    // Called by all threads together; returns the sum of the weighted losses to thread 0, or nothing where it
    // was stopped on its way, before a parameter has changed.
    template <class Stopped>
    std::optional<double> step(const Epoch& epoch, const Step& step, int thread, Stopped stopped) {
        double loss = 0.0;
        Prefetch ahead;
        Update<T> update(optimizer, objective, step);
        for (std::ptrdiff_t begin = step.begin; begin < step.end; begin += span_rows) {
            const std::ptrdiff_t n = std::min(span_rows, step.end - begin);
            for (std::ptrdiff_t c = chunk_rows * chunks.take(), next; c < n; c = next) {
                next = chunk_rows * chunks.take();
                prefetch(epoch, begin + (next < n ? next : n + chunk_rows * thread), std::min(chunk_rows, n),
                         ahead);
                chunk(epoch, begin, c, std::min(chunk_rows, n - c), ahead);
            }
            team.wait(thread);
            if (thread == 0) {
                chunks.reset();
                for (std::ptrdiff_t r = 0; r < n; ++r) loss += double(forward.losses[r]);
                stopping = stopped(n);
            }
            const bool first = begin == step.begin, last = begin + n == step.end;
            const auto each_tile = [&](auto work) {
                for (int t; (t = tile_dealer.take()) < int(tiles.size());)
                    if (step.t > 0) work(tiles[t]);
            };
            if (!optimizer.clips())
                each_tile([&](Tile& t) {
                    sum(t, n, first, last);
                    if (last) apply(t, n, first, update);
                });
            else {
                each_tile([&](Tile& t) {
                    sum(t, n, first, last);
                    if (last) t.squares = squares(t, update);
                });
                team.wait(thread);
                if (last) {
                    double total = 0;
                    for (const Tile& t : tiles) total += t.squares;
                    update.clip(total, optimizer.clip_norm);
                    if (thread == 0) tile_dealer.reset();
                    team.wait(thread);
                    each_tile([&](Tile& t) { apply(t, n, first, update); });
                }
            }
            if (thread == 0 && one_by_one && step.t > 0) wait_with_first_layer(update);
            team.wait(thread);
            if (thread == 0) tile_dealer.reset();
            if (stopping && !last) return {};
        }
        return loss;
    }

    // To be called by one thread; between two steps of an epoch, only where no update waits. Padding is zero.
    double penalty_now() {
        if (!objective.penalized()) return 0.0;
        if (waiting) catch_up(waiting->x);
        double total = 0.0;
        for (int l = 0; l < net.layers(); ++l) {
            const T* const p = forward.memory.data();
            total += penalty(objective, p + forward.W[l].at(0, 0), forward.W[l].size(), 0);
            total += penalty(objective, p + forward.b[l], forward.panels[l + 1].padded, 1);
        }
        return total;
    }

  private:
    struct Tile {  // the weights from input panel q to unit panels first ... end
        int layer, q, first, end;
        double squares = 0;  // of its gradient, where that is clipped
    };

    // The rows of a large step are taken span by span, so that memory stays bounded.
    static std::ptrdiff_t rows_of_a_span(const Network& net, std::ptrdiff_t largest_step, int threads) {
        std::ptrdiff_t row = round_up(net.inputs(), lanes<T>);  // values of one
        for (int l = 1; l <= net.layers(); ++l) row += 2 * round_up(net.widths[l], lanes<T>);
        const std::ptrdiff_t fit = threads * (std::ptrdiff_t(480) << 10) / (row * std::ptrdiff_t(sizeof(T))),
                             most = fit >= portion_rows ? fit : (std::ptrdiff_t(1) << 20) / row;
        return std::min(round_up(largest_step, row_multiple),
                        std::max<std::ptrdiff_t>(1, most / portion_rows) * portion_rows);
    }

    T* slot(int s) const { return slots.data() + std::size_t(s) * forward.size; }  // the optimizer's memory

    template <class F> void copy(const State<T>& state, F f) {
        forward.each_parameter(forward.memory.data(), state.theta, f);
        for (int s = 0; s < optimizer.slots(); ++s) forward.each_parameter(slot(s), state.slot[s], f);
    }

    // Wt follows W: of layer l, the weights from input panel q to unit panel p.
    void follow(int l, int p, int q) {
        if (l == 0) return;
        const Panels<T>&inputs = forward.panels[l], &units = forward.panels[l + 1];
        const int i = inputs[q].columns, o = units[p].columns;
        const T* from = forward.memory.data() + forward.W[l].at(p, inputs[q].begin);
        T* to = back.data() + Wt[l].at(q, units[p].begin);
        for (int m = 0; m < i; m += lanes<T>)
            for (int j = 0; j < o; j += lanes<T>) {
                V<T> square[lanes<T>];
                for (int k = 0; k < lanes<T>; ++k) square[k] = load<T>(from + (m + k) * o + j);
                transpose<T>(square);
                for (int k = 0; k < lanes<T>; ++k) store<T>(to + (j + k) * i + m, square[k]);
            }
    }

    void prefetch(const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t count, Prefetch& ahead) const {
        ahead.start(net.inputs() * sizeof(T));
        const std::ptrdiff_t end = std::min(begin + count, std::ptrdiff_t(epoch.order.size()));
        for (; begin < end; ++begin) ahead.add(rows.X + epoch.order[begin] * net.inputs());
    }

    // Rows begin + first ... of the step's order, forward and backward, up to the deltas of every layer.
    void chunk(const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t first, std::ptrdiff_t count,
               Prefetch& ahead) {
        const auto row = [&](std::ptrdiff_t r) {
            return epoch.order.empty() ? begin + r : std::ptrdiff_t(epoch.order[begin + r]);
        };
        forward.locate(row, first, count);
        forward.draw(row, epoch.number, first, count);
        const bool behind = waiting.has_value();
        if (behind) catch_up(ahead.first<T>(forward.x[0]));
        forward.forward(first, count, ahead, behind ? 1 : 0);
        forward.outputs(row, first, count, objective.loss, delta.back().get());
        for (int l = net.layers() - 1; l > 0; --l)
            for (int p = 0; p < forward.panels[l].count(); ++p) {
                multiply<T>(FromValues<T>{*delta[l]}, Wt[l], back.data(), p, *delta[l - 1], first,
                            first + count);
                pull_back(l - 1, p, first, first + count);
            }
    }

    // Make the update of the first layer that waits, together with the forward pass of that layer.
    void catch_up(const T* later) {
        for (int p = 0; p < forward.panels[1].count(); ++p) {
            waiting->make_and_multiply(p, forward.x[0], later, forward.values[1]->at(p, 0));
            forward.activate_panel(0, p, 0, 1);
        }
        waiting.reset();
    }
    void wait_with_first_layer(const Update<T>& update) {
        waiting.emplace(Waiting<T>{update,
                                   settings<T>(update, objective, 0, 0),
                                   forward.x[0],
                                   *delta[0],
                                   forward.W[0],
                                   forward.memory.data(),
                                   {slot(0), slot(1)}});
    }

    // In panel p of layer l: from d_a to delta.
    void pull_back(int l, int p, std::ptrdiff_t first, std::ptrdiff_t end) {
        const Activation activation = net.activations[l];
        const T *a = forward.values[l + 1]->at(p, first),
                *z = needs_z(activation) ? forward.z[l + 1]->at(p, first) : a;
        T* const d = delta[l]->at(p, first);
        const std::ptrdiff_t count = (end - first) * forward.panels[l + 1][p].columns;
        if (forward.dropout.drops()) {
            const T* const r = forward.factors[l + 1]->at(p, first);
            for (std::ptrdiff_t at = 0; at < count; at += lanes<T>)
                store<T>(d + at, load<T>(d + at) * load<T>(r + at));
        }
        with_activation<T>(activation, [&](auto phi) {
            for (std::ptrdiff_t at = 0; at < count; at += lanes<T>)
                store<T>(d + at, load<T>(d + at) * phi.slope(load<T>(z + at), load<T>(a + at)));
        });
        if (activation == Activation::softmax && p + 1 == forward.panels[l + 1].count())
            softmax_pull_back_rows(l, first, end);
    }

    void softmax_pull_back_rows(int l, std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t r = first; r < end; ++r) {
            T dot = 0;
            forward.each_unit(l + 1, r, [&](T& a, T& d) { dot += a * d; }, *delta[l]);
            forward.each_unit(l + 1, r, [&](T& a, T& d) { d = a * (d - dot); }, *delta[l]);
        }
    }

    // Whether the n rows are all that there is in the step: a single row, whose gradient need not be summed.
    bool is_alone(std::ptrdiff_t n, bool first, bool last) const {
        return first && last && n == 1 && !optimizer.clips();
    }
    bool has_biases(const Tile& t) const { return t.q == 0 && net.bias; }

    // The gradient of a tile and, with the first panel of inputs, of the biases: sums over n rows of the
    // step.
    void sum(const Tile& t, std::ptrdiff_t n, bool first, bool last) {
        if (!is_alone(n, first, last)) sum_over_rows(t, n, first);
        if (has_biases(t))
            for (int p = t.first; p < t.end; ++p) bias_sums(t.layer, p, n, first);
    }

    // Call f for the parts of a tile, panel by panel of its units, and for its biases: where they begin, how
    // many they are, their settings, and the panel, or -1.
    template <class F> void each_part(const Tile& t, const Update<T>& update, F f) {
        const Panels<T>&inputs = forward.panels[t.layer], &units = forward.panels[t.layer + 1];
        const auto of_weights = settings<T>(update, objective, t.layer, 0),
                   of_biases = settings<T>(update, objective, t.layer, 1);
        for (int p = t.first; p < t.end; ++p) {
            f(forward.W[t.layer].at(p, inputs[t.q].begin), std::size_t(inputs.used(t.q)) * units[p].columns,
              of_weights, p);
            if (has_biases(t))
                f(forward.b[t.layer] + units[p].begin, std::size_t(units[p].columns), of_biases, -1);
        }
    }

    double squares(const Tile& t, const Update<T>& update) {
        double total = 0;
        each_part(t, update, [&](std::size_t begin, std::size_t count, const Settings<T>& with, int) {
            total += update.squares(forward.memory.data() + begin, gradient.data() + begin, count,
                                    [&](std::size_t) -> const Settings<T>& { return with; });
        });
        return total;
    }

    // Update the parameters of a tile, after the last rows of the step.
    void apply(const Tile& t, std::ptrdiff_t n, bool first, const Update<T>& update) {
        const bool alone = is_alone(n, first, true), waits = t.layer == 0 && one_by_one;
        each_part(t, update, [&](std::size_t begin, std::size_t count, const Settings<T>& with, int p) {
            if (p < 0) return apply(update, begin, count, with, summed(begin));
            if (!waits)
                alone ? apply(update, begin, count, with, outer_product(t, p))
                      : apply(update, begin, count, with, summed(begin));
            follow(t.layer, p, t.q);
        });
    }

    // A tile of dW, portion by portion.
    void sum_over_rows(const Tile& t, std::ptrdiff_t n, bool first) {
        const Panels<T>& inputs = forward.panels[t.layer];
        const int columns = inputs[t.q].columns;
        thread_local Aligned<T> room(portion_rows * 3 * lanes<T>);
        for (std::ptrdiff_t begin = 0; begin < n; begin += portion_rows) {
            const std::ptrdiff_t count = std::min<std::ptrdiff_t>(n - begin, portion_rows);
            const auto sums_of = [&](auto row) {
                for (int p = t.first; p < t.end; ++p)
                    multiply_transposed<T>(row, columns, *delta[t.layer], p, begin, count,
                                           first && begin == 0,
                                           gradient.data() + forward.W[t.layer].at(p, inputs[t.q].begin));
            };
            const auto packed = [&](const T* x) {
                sums_of([=](std::ptrdiff_t k) [[gnu::always_inline]] { return x + k * columns; });
            };
            if (t.layer > 0) packed(forward.outputs_of(t.layer).at(t.q, begin));
            else if (inputs.used(t.q) < columns)
                packed(forward.padded_inputs(t.q, begin, count, room.data()));
            else
                sums_of([x = forward.x.data() + begin, at = inputs[t.q].begin](std::ptrdiff_t k)
                            [[gnu::always_inline]] { return x[k] + at; });
        }
    }

    // The gradient of panel p of b: sums over n rows, in the same portions as the kernel's.
    void bias_sums(int l, int p, std::ptrdiff_t n, bool first) {
        const int columns = forward.panels[l + 1][p].columns;
        T* sums = gradient.data() + forward.b[l] + forward.panels[l + 1][p].begin;
        for (std::ptrdiff_t begin = 0; begin < n; begin += portion_rows, first = false)
            for (int j = 0; j < columns; j += lanes<T>) {
                V<T> part{};
                for (std::ptrdiff_t r = begin; r < std::min(n, begin + portion_rows); ++r)
                    part += load<T>(delta[l]->at(p, r) + j);
                store<T>(sums + j, first ? part : load<T>(sums + j) + part);
            }
    }

    template <class G>
    void apply(const Update<T>& update, std::size_t begin, std::size_t count, const Settings<T>& with,
               G gradient_of_next) {
        update(forward.memory.data() + begin, slot(0) + begin, slot(1) + begin, count, gradient_of_next,
               [&](std::size_t) -> const Settings<T>& { return with; });
    }
    // The gradient, vector by vector: as it has been summed, or of one row, x' delta as it is.
    auto summed(std::size_t begin) const {
        return [g = gradient.data() + begin]() mutable { return load<T>(std::exchange(g, g + lanes<T>)); };
    }
    auto outer_product(const Tile& t, int p) const {
        const T* x = t.layer > 0 ? forward.outputs_of(t.layer).at(t.q, 0)
                                 : forward.x[0] + forward.panels[0][t.q].begin;
        return [x, d = delta[t.layer]->at(p, 0), j = 0, end = delta[t.layer]->panels[p].columns]() mutable {
            const V<T> g = *x * load<T>(d + j);
            j += lanes<T>;
            if (j == end) j = 0, ++x;
            return g;
        };
    }

    const Network& net;
    const Objective& objective;
    const Optimizer& optimizer;
    const Rows<T>& rows;
    const std::ptrdiff_t span_rows;
    Forward<T> forward;
    const bool one_by_one;              // every step is one row ...
    std::optional<Waiting<T>> waiting;  // ... and this is the first layer's part of the last one
    std::vector<Matrix<T>> Wt;          // where in back
    std::vector<std::unique_ptr<Values<T>>> delta;
    std::vector<Tile> tiles;
    Aligned<T> back, slots, gradient;
    Team& team;
    Dealer chunks, tile_dealer;
    bool stopping = false;
};

}  // namespace deltarule::DELTARULE_ISA
