// Training narrow networks: rows, not units, fill the vector lanes; a small step costs a fraction of a
// microsecond. Layout: parameters as in theta; a group is G times `lanes` rows, and value j of all its rows
// is G vectors, one after another. Small steps have G = 1. Sums for a few units at a time stay in registers.
// A step: (1) portions of rows are dealt out, the gradient of each is left where it belongs, (2) one thread
// adds them up in their order and updates the parameters.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include "dropout.hpp"
#include "losses.hpp"
#include "optimizers.hpp"
#include "panels.hpp"
#include "threads.hpp"

namespace deltarule::DELTARULE_ISA {

inline bool is_narrow(const Network& net) {
    for (int l = 1; l <= net.layers(); ++l)
        if (net.widths[l] > 16) return false;
    return net.inputs() <= 32;
}

// Call f for runs of at most `most` out of n: where a run begins, and its length as a constant.
template <int most, class F> inline void in_runs(int n, F f, int begin = 0) {
    for (; begin + most <= n; begin += most) f(begin, std::integral_constant<int, most>{});
    if constexpr (most > 1) in_runs<most - 1>(n, f, begin);
}

template <class T, int G> class Narrow {
  public:
    static constexpr std::ptrdiff_t portion = 64 * lanes<T>;  // rows added up alone first, as in kernel.hpp

    Narrow(const Network& net, const Objective& objective, const Optimizer& optimizer, const Dropout& dropout,
           const Rows<T>& rows, std::ptrdiff_t largest_step, Team& team, bool caching)
        : net(net),
          objective(objective),
          optimizer(optimizer),
          dropout(dropout),
          rows(rows),
          place(places(net)),
          team(team) {
        for (int width : net.widths) at.push_back(values), values += width * G;
        parameters = place.back().b + (net.bias ? place.back().o : 0);
        padded = (parameters + lanes<T> - 1) / lanes<T> * lanes<T>;
        memory.reset(6 * padded), sums.reset(padded);
        theta = memory.data();
        for (int l = 0; l < net.layers(); ++l)
            for (int kind = 0; kind <= net.bias; ++kind) {
                std::fill_n(setting(1, l, kind), count(l, kind), T(objective.l1[kind]));
                std::fill_n(setting(2, l, kind), count(l, kind), T(objective.l2[kind]));
            }
        span = std::min<std::ptrdiff_t>((largest_step + portion - 1) / portion, most_portions);
        parts.reset(span * padded), losses.resize(span);
        const int widest = *std::max_element(net.widths.begin(), net.widths.end()) * G;
        for (int thread = 0; thread < team.size(); ++thread)
            scratch.emplace_back(new Scratch(values, widest, group_size(), padded));
        if (caching) cache_rows();
    }

    void load_state(const State<T>& state) {
        std::memcpy(theta, state.theta, parameters * sizeof(T));
        for (int s = 0; s < optimizer.slots(); ++s)
            std::memcpy(slot(s), state.slot[s], parameters * sizeof(T));
    }

    void save_state(const State<T>& state) const {
        std::memcpy(state.theta, theta, parameters * sizeof(T));
        for (int s = 0; s < optimizer.slots(); ++s)
            std::memcpy(state.slot[s], slot(s), parameters * sizeof(T));
    }

    // Called by all threads together; returns the sum of the weighted losses to thread 0, or nothing where it
    // was stopped on its way, before a parameter has changed.
    template <class Stopped>
    std::optional<double> step(const Epoch& epoch, const Step& step, int thread, Stopped stopped) {
        double loss = 0.0;
        for (std::ptrdiff_t begin = step.begin; begin < step.end; begin += span * portion) {
            const std::ptrdiff_t n = std::min(span, (step.end - begin + portion - 1) / portion);
            const bool last = begin + span * portion >= step.end;
            for (std::ptrdiff_t p; (p = dealer.take()) < n;)
                losses[p] = part(*scratch[thread], epoch, begin + p * portion,
                                 std::min(step.end, begin + (p + 1) * portion), parts.data() + p * padded);
            team.wait(thread);
            if (thread == 0) {
                dealer.reset();
                for (std::ptrdiff_t p = 0; p < n; ++p) loss += losses[p];
                const bool first = begin == step.begin, only = first && last && n == 1;
                if (!only) add_up(n, first);
                if (step.t > 0 && last) only ? update(step, parts.data()) : update(step, sums.data());
                stopping = stopped(n * portion);
            }
            team.wait(thread);
            if (stopping && !last) return {};
        }
        return loss;
    }

    double penalty_now() const { return penalty(objective, net, theta); }

  private:
    static constexpr int group_rows = G * lanes<T>;
    static constexpr int run = G == 1 ? 4 : 8 / G;       // units whose sums are in registers at a time
    static constexpr std::ptrdiff_t most_portions = 64;  // whose gradients are kept at a time
    static constexpr std::size_t cache_limit = std::size_t(1) << 22;  // values kept in lane order

    T* slot(int s) const { return theta + (s + 1) * padded; }

    // The settings of each parameter, for the optimizer: its rate (0) and penalties (1, 2), of the weights
    // (kind 0) or biases (kind 1) of a layer.
    T* setting(int s, int l, int kind) const {
        return theta + (3 + s) * padded + (kind == 0 ? place[l].W : place[l].b);
    }
    std::size_t count(int l, int kind) const { return std::size_t(kind == 0 ? place[l].i : 1) * place[l].o; }
    void set_rates(const double* now) {
        if (now == rates) return;
        rates = now;
        for (int l = 0; l < net.layers(); ++l)
            for (int kind = 0; kind <= net.bias; ++kind)
                std::fill_n(setting(0, l, kind), count(l, kind), T(rates[l]));
    }

    // What a thread needs for itself.
    struct Scratch {
        Scratch(int values, int widest, int group_size, std::size_t padded)
            : memory(std::size_t(4 * values + 2 * widest + group_size)), gradient(padded) {
            a = memory.data(), z = a + values, kept = z + values, r = kept + values, delta = r + values,
            d_a = delta + widest, gathered = d_a + widest;
        }
        Aligned<V<T>> memory, gradient;
        const V<T>* x;
        V<T>*a, *z, *kept, *r, *delta, *d_a, *gathered;
    };

    // The gradient, summed over rows begin ... end; returns the sum of their weighted losses.
    double part(Scratch& s, const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t end, T* to) {
        V<T> loss{};
        for (std::ptrdiff_t r = begin; r < end; r += group_rows) {
            s.x = gather(s, epoch, r, int(std::min<std::ptrdiff_t>(group_rows, end - r)));
            if (dropout.drops()) draw(s, epoch, r, int(std::min<std::ptrdiff_t>(group_rows, end - r)));
            forward(s);
            loss += backward(s);
        }
        for (std::size_t p = 0; p < padded; p += lanes<T>) {
            V<T>* const g = s.gradient.data() + p;
            store<T>(to + p, lane_sums<T>(g));
            for (int j = 0; j < lanes<T>; ++j) g[j] = V<T>{};
        }
        return double(sum<T>(loss));
    }

    void add_up(std::ptrdiff_t n, bool first) {
        if (first) std::fill_n(sums.data(), padded, 0.0);
        for (std::ptrdiff_t p = 0; p < n; ++p)
            for (std::size_t j = 0; j < padded; ++j) sums[j] += double(parts[p * padded + j]);
    }

    // A group in lane order: inputs, targets, weights, offsets.
    int group_size() const { return (net.inputs() + net.outputs() * (rows.offset ? 2 : 1) + 1) * G; }

    // Rows that keep their order, as those of a full batch do, are put into lane order once.
    void cache_rows() {
        const std::ptrdiff_t groups = (rows.n + group_rows - 1) / group_rows;
        if (std::size_t(groups) * lanes<T> * group_size() > cache_limit) return;
        cached.reset(std::size_t(groups) * group_size());
        for (std::ptrdiff_t r = 0; r < rows.n; r += group_rows)
            arrange([r](int m) { return r + m; }, int(std::min<std::ptrdiff_t>(group_rows, rows.n - r)),
                    cached.data() + r / group_rows * group_size());
        is_cached = true;
    }

    // Rows r ... r + count of the epoch's order in lane order.
    const V<T>* gather(Scratch& s, const Epoch& epoch, std::ptrdiff_t r, int count) const {
        if (epoch.order.empty() && is_cached && r % group_rows == 0 &&
            (count == group_rows || r + count == rows.n))
            return cached.data() + r / group_rows * group_size();
        if (epoch.order.empty()) arrange([r](int m) { return r + m; }, count, s.gathered);
        else arrange([order = epoch.order.data() + r](int m) { return order[m]; }, count, s.gathered);
        return s.gathered;
    }

    // Lanes without a row hold the first one, with weight 0: what is finite there is finite here.
    template <class F> void arrange(F row, int count, V<T>* to) const {
        const int i = net.inputs(), k = net.outputs();
        for (int g = 0; g < G; ++g, ++to, count -= lanes<T>) {
            std::ptrdiff_t at[lanes<T>];
            for (int m = 0; m < lanes<T>; ++m) at[m] = row(m < count ? g * lanes<T> + m : 0);
            V<T>* const y = to + i * G;
            to_lanes<T>(rows.X, i, at, to, G);
            to_lanes<T>(rows.y, k, at, y, G);
            V<T>& w = y[k * G] = all<T>(1);
            if (rows.w || count < lanes<T>)
                for (int m = 0; m < lanes<T>; ++m) w[m] = m >= count ? T(0) : rows.w ? rows.w[at[m]] : T(1);
            if (rows.offset) to_lanes<T>(rows.offset, k, at, y + (k + 1) * G, G);
        }
    }

    const V<T>* input_of(const Scratch& s, int l) const {
        return l == 0 ? s.x : (dropout.drops() ? s.kept : s.a) + at[l];
    }

    // Which hidden units of rows begin ... begin + count of the epoch's order stay.
    void draw(Scratch& s, const Epoch& epoch, std::ptrdiff_t begin, int count) const {
        for (int g = 0; g < G; ++g) {
            std::int64_t row[lanes<T>];
            for (int m = 0; m < lanes<T>; ++m) {
                const std::ptrdiff_t n = begin + std::min(g * lanes<T> + m, count - 1);
                row[m] = epoch.order.empty() ? n : epoch.order[n];
            }
            for (int l = 1; l < net.layers(); ++l) {
                const Factors<T> factors(dropout, l, epoch.number);
                for (int unit = 0; unit < net.widths[l]; unit += 4) {
                    T r[4][lanes<T>];
                    factors.of_block(row, unit / 4, r);
                    for (int k = 0; k < std::min(4, net.widths[l] - unit); ++k)
                        s.r[at[l] + (unit + k) * G + g] = load<T>(r[k]);
                }
            }
        }
    }

    void forward(Scratch& s) const {
        for (int l = 0; l < net.layers(); ++l) {
            V<T>*a_l = s.a + at[l + 1], *z_l = s.z + at[l + 1];
            const int o = place[l].o;
            products(input_of(s, l), l, z_l);
            if (l + 1 == net.layers()) return;  // the loss activates the outputs
            if (net.activations[l] == Activation::softmax)
                for (int g = 0; g < G; ++g) softmax<T>(z_l + g, a_l + g, o, G);
            else activate<T>(net.activations[l], z_l, a_l, o * G);
            for (int j = at[l + 1]; dropout.drops() && j < at[l + 1] + o * G; ++j)
                s.kept[j] = s.a[j] * s.r[j];
        }
    }

    // z = x W + b
    void products(const V<T>* in, int l, V<T>* z) const {
        const int i = place[l].i, o = place[l].o;
        in_runs<run>(o, [&](int j, auto count) {
            const T *W = theta + place[l].W + j, *b = theta + place[l].b + j;
            const V<T>* x = in;
            V<T> total[count][G];
            for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                for (int g = 0; g < G; ++g) total[c][g] = net.bias ? all<T>(b[c]) : V<T>{};
            for (int m = 0; m < i; ++m, x += G, W += o)
                for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                    for (int g = 0; g < G; ++g) total[c][g] += x[g] * W[c];
            for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                for (int g = 0; g < G; ++g) z[(j + c) * G + g] = total[c][g];
        });
    }

    V<T> backward(Scratch& s) const {
        const int last = net.layers(), k = net.outputs();
        V<T>*z_k = s.z + at[last], *a_k = s.a + at[last], *delta = s.delta;
        const V<T>*y = s.x + net.inputs() * G, *weight = y + k * G, *offset = weight + G;
        for (int j = 0; rows.offset && j < k * G; ++j) z_k[j] += offset[j];
        const Activation activation = net.activations[last - 1];
        V<T> log_total[G], value[G], loss{};
        if (activation != Activation::softmax) activate<T>(activation, z_k, a_k, k * G);
        else
            for (int g = 0; g < G; ++g) log_total[g] = softmax<T>(z_k + g, a_k + g, k, G);
        loss_and_delta<T, G>(objective.loss, activation, log_total, z_k, y, a_k, delta, k, value);
        for (int g = 0; g < G; ++g) {
            const auto counts = weight[g] > T(0);
            loss += counts ? value[g] * weight[g] : V<T>{};
            for (int j = g; j < k * G; j += G) delta[j] = counts ? delta[j] * weight[g] : V<T>{};
        }
        for (int l = last - 1; l >= 0; --l) {
            gradients(s, input_of(s, l), l);
            if (l > 0) pull_back(s, l);
        }
        return loss;
    }

    void gradients(Scratch& s, const V<T>* in, int l) const {
        const int i = place[l].i, o = place[l].o;
        in_runs<run>(o, [&](int j, auto count) {
            V<T>*dW = s.gradient.data() + place[l].W + j, *db = s.gradient.data() + place[l].b + j;
            const V<T>* x = in;
            V<T> delta[count][G];
            for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                for (int g = 0; g < G; ++g) delta[c][g] = s.delta[(j + c) * G + g];
            for (int m = 0; m < i; ++m, x += G, dW += o)
                for (int c = 0; c < count; ++c) {
                    V<T> total = dW[c];
#pragma GCC unroll 8
                    for (int g = 0; g < G; ++g) total += x[g] * delta[c][g];
                    dW[c] = total;
                }
            for (int c = 0; net.bias && c < count; ++c)
                for (int g = 0; g < G; ++g) db[c] += delta[c][g];
        });
    }

    // From delta of layer l to delta of the layer below.
    void pull_back(Scratch& s, int l) const {
        const int i = place[l].i, o = place[l].o;
        const V<T>*a_l = s.a + at[l], *z_l = s.z + at[l];
        V<T>*delta = s.delta, *d_a = s.d_a;
        in_runs<run>(i, [&](int m, auto count) {
            const T* W = theta + place[l].W + m * o;
            V<T> total[count][G] = {};
            for (int j = 0; j < o; ++j)
                for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                    for (int g = 0; g < G; ++g) total[c][g] += delta[j * G + g] * W[c * o + j];
            for (int c = 0; c < count; ++c)
#pragma GCC unroll 8
                for (int g = 0; g < G; ++g) d_a[(m + c) * G + g] = total[c][g];
        });
        for (int m = 0; dropout.drops() && m < i * G; ++m) d_a[m] *= s.r[at[l] + m];
        with_activation<T>(net.activations[l - 1], [&](auto phi) {
            for (int m = 0, count = place[l].i * G; m < count; ++m)
                delta[m] = d_a[m] * phi.slope(z_l[m], a_l[m]);
        });
        if (net.activations[l - 1] == Activation::softmax)
            for (int g = 0; g < G; ++g) softmax_pull_back<T>(a_l + g, d_a + g, delta + g, i, G);
    }

    template <class Sum> void update(const Step& step, const Sum* gradient) {
        set_rates(step.rates);
        Update<T> update(optimizer, objective, step);
        const auto with = [&](std::size_t p) {
            const auto at = [&](int s) { return load<T>(theta + (3 + s) * padded + p); };
            return Settings<T>{at(0), update.share * at(1), update.share * at(2)};
        };
        if (optimizer.clips())
            update.clip(update.squares(theta, gradient, padded, with), optimizer.clip_norm);
        const auto next = [&] {
            V<T> g;
            for (int j = 0; j < lanes<T>; ++j) g[j] = T(*gradient++);
            return g;
        };
        update(theta, slot(0), slot(1), padded, next, with);
    }

    const Network& net;
    const Objective& objective;
    const Optimizer& optimizer;
    const Dropout& dropout;
    const Rows<T>& rows;
    const std::vector<Place> place;
    std::vector<int> at;  // where each layer's values begin in a and z
    int values = 0;
    std::size_t parameters, padded;
    std::ptrdiff_t span;       // portions between two meetings of the threads
    Aligned<T> memory, parts;  // parts: the gradient of each portion
    T* theta;
    const double* rates = nullptr;  // those that are set
    Aligned<double> sums;           // of the gradient, over the portions of a step
    std::vector<double> losses;
    std::vector<std::unique_ptr<Scratch>> scratch;
    Aligned<V<T>> cached;
    bool is_cached = false;
    Team& team;
    Dealer dealer;
    bool stopping = false;
};

}  // namespace deltarule::DELTARULE_ISA
