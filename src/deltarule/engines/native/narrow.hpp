// Training narrow networks: rows, not units, fill the vector lanes; a small step costs a fraction of a
// microsecond. Layout: parameters as in theta; a group is G times `lanes` rows, and value j of all its rows
// is G vectors, one after another. Small steps have G = 1. A step: (1) portions of rows are dealt out, the
// gradient of each is left where it belongs, (2) one thread adds them up in their order and updates the
// parameters.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "losses.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "threads.hpp"

namespace deltarule::DELTARULE_ISA {

inline bool is_narrow(const Network& net) {
    for (int l = 1; l <= net.layers(); ++l)
        if (net.widths[l] > 16) return false;
    return net.inputs() <= 32;
}

template <class T, int G> class Narrow {
  public:
    static constexpr std::ptrdiff_t portion = 64 * lanes<T>;  // rows added up alone first, as in kernel.hpp

    Narrow(const Network& net, const Objective& objective, const Optimizer& optimizer, const Rows<T>& rows,
           std::ptrdiff_t largest_step, Team& team, bool caching)
        : net(net), objective(objective), optimizer(optimizer), rows(rows), place(places(net)), team(team) {
        for (int width : net.widths) at.push_back(values), values += width * G;
        parameters = place.back().b + (net.bias ? place.back().o : 0);
        padded = (parameters + lanes<T> - 1) / lanes<T> * lanes<T>;
        memory.reset(6 * padded), sums.reset(padded);
        theta = memory.data();
        for (int l = 0; l < net.layers(); ++l) {
            set(l, 0, place[l].W, std::size_t(place[l].i) * place[l].o);
            if (net.bias) set(l, 1, place[l].b, place[l].o);
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
    std::optional<double> step(const Epoch& epoch, const Step& step, int thread,
                               const std::function<bool()>& stopped) {
        double loss = 0.0;
        for (std::ptrdiff_t begin = step.begin; begin < step.end; begin += span * portion) {
            const std::ptrdiff_t n = std::min(span, (step.end - begin + portion - 1) / portion);
            const bool last = begin + span * portion >= step.end;
            for (std::ptrdiff_t p; (p = dealer.take()) < n;)
                losses[p] = part(*scratch[thread], epoch, begin + p * portion,
                                 std::min(step.end, begin + (p + 1) * portion), parts.data() + p * padded);
            team.wait();
            if (thread == 0) {
                dealer.reset();
                for (std::ptrdiff_t p = 0; p < n; ++p) loss += losses[p];
                add_up(n, begin == step.begin);
                if (step.t > 0 && last) update(step);
                stopping = stopped();
            }
            team.wait();
            if (stopping && !last) return {};
        }
        return loss;
    }

    double penalty_now(const State<T>&) const { return penalty(objective, net, theta); }

  private:
    static constexpr int group_rows = G * lanes<T>;
    static constexpr std::ptrdiff_t most_portions = 64;               // whose gradients are kept at a time
    static constexpr std::size_t cache_limit = std::size_t(1) << 22;  // values kept in lane order

    T* slot(int s) const { return theta + (s + 1) * padded; }

    // The settings of each parameter, for the optimizer.
    void set(int l, int kind, std::size_t begin, std::size_t count) {
        std::fill_n(theta + 3 * padded + begin, count, T(optimizer.rates[l]));
        std::fill_n(theta + 4 * padded + begin, count, T(objective.l1[kind]));
        std::fill_n(theta + 5 * padded + begin, count, T(objective.l2[kind]));
    }

    // Row m of a group in a value's vectors.
    static T& lane(V<T>* vectors, int m) { return reinterpret_cast<T*>(vectors)[m]; }

    // What a thread needs for itself.
    struct Scratch {
        Scratch(int values, int widest, int group_size, std::size_t padded)
            : memory(std::size_t(2 * values + 2 * widest + group_size)), gradient(padded) {
            a = memory.data(), z = a + values, delta = z + values, d_a = delta + widest,
            gathered = d_a + widest;
        }
        Aligned<V<T>> memory, gradient;
        const V<T>* x;
        V<T>*a, *z, *delta, *d_a, *gathered;
    };

    // The gradient, summed over rows begin ... end; returns the sum of their weighted losses.
    double part(Scratch& s, const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t end, T* to) {
        V<T> loss{};
        for (std::ptrdiff_t r = begin; r < end; r += group_rows) {
            s.x = gather(s, epoch, r, int(std::min<std::ptrdiff_t>(group_rows, end - r)));
            forward(s);
            loss += backward(s);
        }
        for (std::size_t p = 0; p < padded; p += lanes<T>) {
            V<T>* const g = s.gradient.data() + p;
            store<T>(to + p, lane_sums<T>(g));
            std::fill_n(g, lanes<T>, V<T>{});
        }
        return double(sum<T>(loss));
    }

    void add_up(std::ptrdiff_t n, bool first) {
        if (first) std::fill_n(sums.data(), padded, 0.0);
        for (std::ptrdiff_t p = 0; p < n; ++p)
            for (std::size_t j = 0; j < padded; ++j) sums[j] += double(parts[p * padded + j]);
    }

    // A group in lane order: inputs, targets, offsets, weights.
    int group_size() const { return (net.inputs() + 2 * net.outputs() + 1) * G; }

    // Rows that keep their order, as those of a full batch do, are put into lane order once.
    void cache_rows() {
        const std::ptrdiff_t groups = (rows.n + group_rows - 1) / group_rows;
        if (std::size_t(groups) * lanes<T> * group_size() > cache_limit) return;
        cached.reset(std::size_t(groups) * group_size());
        for (std::ptrdiff_t r = 0; r < rows.n; ++r)
            put(r, cached.data() + r / group_rows * group_size(), int(r % group_rows));
        if (rows.n % group_rows)
            repeat(cached.data() + (groups - 1) * group_size(), int(rows.n % group_rows));
        is_cached = true;
    }

    void put(std::ptrdiff_t row, V<T>* to, int m) const {
        const int i = net.inputs(), k = net.outputs();
        for (int j = 0; j < i; ++j, to += G) lane(to, m) = rows.X[row * i + j];
        for (int j = 0; j < k; ++j, to += G) lane(to, m) = rows.y[row * k + j];
        for (int j = 0; j < k; ++j, to += G) lane(to, m) = rows.offset ? rows.offset[row * k + j] : T(0);
        lane(to, m) = rows.w ? rows.w[row] : T(1);
    }

    // Lanes without a row hold the first row, with weight 0: what is finite there is finite here.
    void repeat(V<T>* to, int count) const {
        for (int j = 0; j < group_size(); j += G) {
            const T filler = j + G < group_size() ? lane(to + j, 0) : T(0);
            for (int m = count; m < group_rows; ++m) lane(to + j, m) = filler;
        }
    }

    // Rows order[r : r + count] in lane order.
    const V<T>* gather(Scratch& s, const Epoch& epoch, std::ptrdiff_t r, int count) const {
        if (epoch.order.empty() && is_cached && r % group_rows == 0 &&
            (count == group_rows || r + count == rows.n))
            return cached.data() + r / group_rows * group_size();
        for (int m = 0; m < count; ++m) put(epoch.order.empty() ? r + m : epoch.order[r + m], s.gathered, m);
        if (count < group_rows) repeat(s.gathered, count);
        return s.gathered;
    }

    const V<T>* input_of(const Scratch& s, int l) const { return l == 0 ? s.x : s.a + at[l]; }

    void forward(Scratch& s) const {
        for (int l = 0; l < net.layers(); ++l) {
            const auto [i, o, W_at, b_at] = place[l];
            const T *W = theta + W_at, *b = theta + b_at;
            const V<T>* in = input_of(s, l);
            V<T>*out = s.a + at[l + 1], *z_l = s.z + at[l + 1];
            for (int j = 0; j < o; ++j, z_l += G) {
                V<T> total[G];
                for (int g = 0; g < G; ++g) total[g] = net.bias ? all<T>(b[j]) : V<T>{};
                for (int m = 0; m < i; ++m)
                    for (int g = 0; g < G; ++g) total[g] += in[m * G + g] * W[m * o + j];
                for (int g = 0; g < G; ++g) z_l[g] = total[g];
            }
            z_l -= o * G;
            if (l + 1 == net.layers()) return;  // the loss activates the outputs
            if (net.activations[l] == Activation::softmax)
                for (int g = 0; g < G; ++g) softmax<T>(z_l + g, out + g, o, G);
            else activate<T>(net.activations[l], z_l, out, o * G);
        }
    }

    V<T> backward(Scratch& s) const {
        const int last = net.layers(), k = net.outputs();
        V<T>*z_k = s.z + at[last], *a_k = s.a + at[last], *delta = s.delta;
        const V<T>*y = s.x + net.inputs() * G, *offset = y + k * G, *weight = offset + k * G;
        for (int j = 0; j < k * G; ++j) z_k[j] += offset[j];
        const Activation activation = net.activations[last - 1];
        V<T> log_total[G] = {};
        if (activation != Activation::softmax) activate<T>(activation, z_k, a_k, k * G);
        else
            for (int g = 0; g < G; ++g) log_total[g] = softmax<T>(z_k + g, a_k + g, k, G);
        V<T> value[G] = {}, loss{};
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
        const auto [i, o, W_at, b_at] = place[l];
        V<T>*dW = s.gradient.data() + W_at, *db = s.gradient.data() + b_at;
        const V<T>* delta = s.delta;
        for (int m = 0; m < i; ++m, in += G)
            for (int j = 0; j < o; ++j, ++dW) {
                V<T> total = *dW;
                for (int g = 0; g < G; ++g) total += in[g] * delta[j * G + g];
                *dW = total;
            }
        for (int j = 0; net.bias && j < o; ++j) {
            V<T> total = db[j];
            for (int g = 0; g < G; ++g) total += delta[j * G + g];
            db[j] = total;
        }
    }

    // From delta of layer l to delta of the layer below.
    void pull_back(Scratch& s, int l) const {
        const auto [i, o, W_at, b_at] = place[l];
        const T* W = theta + W_at;
        const V<T>*a_l = s.a + at[l], *z_l = s.z + at[l];
        V<T>*delta = s.delta, *d_a = s.d_a;
        for (int m = 0; m < i; ++m) {
            V<T> total[G] = {};
            for (int j = 0; j < o; ++j)
                for (int g = 0; g < G; ++g) total[g] += delta[j * G + g] * W[m * o + j];
            for (int g = 0; g < G; ++g) d_a[m * G + g] = total[g];
        }
        with_activation<T>(net.activations[l - 1], [&](auto phi) {
            for (int m = 0, count = place[l].i * G; m < count; ++m)
                delta[m] = d_a[m] * phi.slope(z_l[m], a_l[m]);
        });
        if (net.activations[l - 1] == Activation::softmax)
            for (int g = 0; g < G; ++g) softmax_pull_back<T>(a_l + g, d_a + g, delta + g, i, G);
    }

    void update(const Step& step) {
        const Update<T> update(optimizer, objective, step);
        for (std::size_t p = 0; p < padded; p += lanes<T>) {
            V<T> g;
            for (int j = 0; j < lanes<T>; ++j) g[j] = T(sums[p + j]);
            const auto setting = [&](int s) { return load<T>(theta + s * padded + p); };
            update(theta + p, g, slot(0) + p, slot(1) + p, {setting(3), setting(4), setting(5)});
        }
    }

    const Network& net;
    const Objective& objective;
    const Optimizer& optimizer;
    const Rows<T>& rows;
    const std::vector<Place> place;
    std::vector<int> at;  // where each layer's values begin in a and z
    int values = 0;
    std::size_t parameters, padded;
    std::ptrdiff_t span;       // portions between two meetings of the threads
    Aligned<T> memory, parts;  // parts: the gradient of each portion
    T* theta;
    Aligned<double> sums;  // of the gradient, over the portions of a step
    std::vector<double> losses;
    std::vector<std::unique_ptr<Scratch>> scratch;
    Aligned<V<T>> cached;
    bool is_cached = false;
    Team& team;
    Dealer dealer;
    bool stopping = false;
};

}  // namespace deltarule::DELTARULE_ISA
