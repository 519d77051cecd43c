// Steps of one row: there is little arithmetic for every weight of the first layer, which is mostly the
// largest. So its update waits for the next row's forward pass, and the weights go through the caches once
// per step, not twice. Layout: see panels.hpp; the inputs stay where they are.
#pragma once

#include "kernel.hpp"
#include "optimizers.hpp"

namespace deltarule::DELTARULE_ISA {

// An update of W that has not been made: the gradient is x' delta, of one row.
template <class T> struct Waiting {
    Update<T> update;
    Settings<T> settings;
    const T* x;
    const Values<T>& delta;
    const Matrix<T>& W;
    T *memory, *slot[2];

    // Make it in panel p of W, and put that panel's sums of the row `now` with the new W into `to`, added up
    // as multiply() does. Meanwhile the row `later` is fetched.
    void make_and_multiply(int p, const T* now, const T* later, T* to) const {
        with_vectors<T>(W.units[p].columns, [&](auto vectors) {
            const std::size_t at = W.at(p, 0);
            update.with_rule(slot[0] + at, slot[1] + at, [&](auto rule) {
                if (update.penalized) panel<vectors, true>(p, rule, memory + at, now, later, to);
                else panel<vectors, false>(p, rule, memory + at, now, later, to);
            });
        });
    }

  private:
    template <int vectors, bool penalized, class Rule>
    void panel(int p, const Rule rule, T* const w, const T* now, const T* later, T* to) const {
        const Update u = update;  // nothing that is stored below can change these
        const auto [rate, l1, l2] = settings;
        const T* const before = x;
        V<T> d[vectors];
        for (int v = 0; v < vectors; ++v) d[v] = u.inverse_weight * load<T>(delta.at(p, 0) + v * lanes<T>);
        each_portion<T>(W.inputs, [&](int from, int until) [[gnu::always_inline]] {
            const int begin = W.inputs[from].begin,
                      end = until < W.inputs.count() ? W.inputs[until].begin : W.inputs.width;
            Block<T, 1, vectors> block;
            block.add_each([&](std::ptrdiff_t k) [[gnu::always_inline]] { return now[begin + k]; },
                           end - begin,
                           [&](std::ptrdiff_t k, int v) [[gnu::always_inline]] {
                               if (v == 0 && k % 4 == 0) __builtin_prefetch(later + begin + k, 0, 2);
                               const std::size_t at = ((begin + k) * vectors + v) * lanes<T>;
                               const V<T> old = load<T>(w + at);
                               V<T> g = before[begin + k] * d[v];
                               if (penalized) g = with_penalties<T>(g, old, l1, l2);
                               const V<T> made = rule(u, at, old, g, rate);
                               store<T>(w + at, made);
                               return made;
                           });
            block.put(to, from == 0);
        });
    }
};

}  // namespace deltarule::DELTARULE_ISA
