// Narrow networks: rows, not units, fill the vector lanes. One thread; a step costs a fraction of a
// microsecond. Layout: parameters as in theta; a group is `lanes` rows, and value j of all its rows is one
// vector.
#pragma once

#include <algorithm>
#include <optional>

#include "losses.hpp"
#include "memory.hpp"
#include "optimizers.hpp"

namespace deltarule::DELTARULE_ISA {

inline bool is_narrow(const Network& net) {
    for (int l = 1; l <= net.layers(); ++l)
        if (net.widths[l] > 16) return false;
    return net.inputs() <= 32;
}

template <class T> class Narrow {
  public:
    Narrow(const Network& net, const Objective& objective, const Optimizer& optimizer, const Rows<T>& rows,
           bool caching)
        : net(net), objective(objective), optimizer(optimizer), rows(rows), place(places(net)) {
        int values = 0;
        for (int width : net.widths) at.push_back(values), values += width;
        const int widest = *std::max_element(net.widths.begin(), net.widths.end());
        parameters = place.back().b + (net.bias ? place.back().o : 0);
        group.reset(std::size_t(2 * values + 2 * widest + group_size()));
        a = group.data(), z = a + values, delta = z + values, d_a = delta + widest, gathered = d_a + widest;
        gradient.reset(parameters);
        padded = parameters + lanes<T>;
        memory.reset(3 * padded), sums.reset(parameters);
        theta = memory.data();
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

    // One step on its rows; returns the sum of their weighted losses, or nothing where it was stopped on its
    // way, before a parameter has changed.
    template <class Stop> std::optional<double> step(const Epoch& epoch, const Step& step, Stop stopped) {
        std::fill(sums.data(), sums.data() + parameters, 0.0);
        double loss = 0.0;
        for (std::ptrdiff_t r = step.begin; r < step.end; r += portion) {
            if (stopped()) return {};
            loss += groups(epoch, r, std::min(step.end, r + portion));
            settle();
        }
        if (step.t > 0) update(step);
        return loss;
    }

    double penalty_now() const { return penalty(objective, net, theta); }

  private:
    static constexpr std::ptrdiff_t portion = 64 * lanes<T>;  // rows added up alone first, as in kernel.hpp
    static constexpr std::size_t cache_limit = std::size_t(1) << 22;  // values kept in lane order

    T* slot(int s) const { return theta + (s + 1) * padded; }

    static T& lane(V<T>* vector, int lane) { return reinterpret_cast<T*>(vector)[lane]; }

    double groups(const Epoch& epoch, std::ptrdiff_t begin, std::ptrdiff_t end) {
        V<T> loss{};
        for (std::ptrdiff_t r = begin; r < end; r += lanes<T>) {
            x = gather(epoch, r, int(std::min<std::ptrdiff_t>(lanes<T>, end - r)));
            forward();
            loss += backward();
        }
        return double(sum<T>(loss));
    }

    // Add the gradient of a portion to the sums of the step.
    void settle() {
        for (std::size_t p = 0; p < parameters; ++p) {
            sums[p] += double(sum<T>(gradient[p]));
            gradient[p] = V<T>{};
        }
    }

    // A group in lane order: inputs, targets, offsets, weights.
    int group_size() const { return net.inputs() + 2 * net.outputs() + 1; }

    // Rows that keep their order, as those of a full batch do, are put into lane order once.
    void cache_rows() {
        const std::ptrdiff_t groups = (rows.n + lanes<T> - 1) / lanes<T>;
        if (std::size_t(groups) * lanes<T> * group_size() > cache_limit) return;
        cached.reset(std::size_t(groups) * group_size());
        for (std::ptrdiff_t r = 0; r < rows.n; ++r)
            put(r, cached.data() + r / lanes<T> * group_size(), int(r % lanes<T>));
        if (rows.n % lanes<T>) repeat(cached.data() + (groups - 1) * group_size(), int(rows.n % lanes<T>));
        is_cached = true;
    }

    void put(std::ptrdiff_t row, V<T>* to, int m) const {
        const int i = net.inputs(), k = net.outputs();
        for (int j = 0; j < i; ++j) lane(to + j, m) = rows.X[row * i + j];
        for (int j = 0; j < k; ++j) lane(to + i + j, m) = rows.y[row * k + j];
        for (int j = 0; j < k; ++j) lane(to + i + k + j, m) = rows.offset ? rows.offset[row * k + j] : T(0);
        lane(to + i + 2 * k, m) = rows.w ? rows.w[row] : T(1);
    }

    // Lanes without a row hold the first row, with weight 0: what is finite there is finite here.
    void repeat(V<T>* to, int count) const {
        V<T> number;
        for (int m = 0; m < lanes<T>; ++m) number[m] = T(m);
        const auto is_row = number < T(count);
        for (int j = 0; j < group_size() - 1; ++j) to[j] = is_row ? to[j] : all<T>(lane(to + j, 0));
        to[group_size() - 1] = is_row ? to[group_size() - 1] : V<T>{};
    }

    // Rows order[r : r + count] in lane order.
    const V<T>* gather(const Epoch& epoch, std::ptrdiff_t r, int count) {
        if (epoch.order.empty() && is_cached && r % lanes<T> == 0 &&
            (count == lanes<T> || r + count == rows.n))
            return cached.data() + r / lanes<T> * group_size();
        for (int m = 0; m < count; ++m) put(epoch.order.empty() ? r + m : epoch.order[r + m], gathered, m);
        if (count < lanes<T>) repeat(gathered, count);
        return gathered;
    }

    const V<T>* input_of(int l) const { return l == 0 ? x : a + at[l]; }

    void forward() {
        for (int l = 0; l < net.layers(); ++l) {
            const auto [i, o, W_at, b_at] = place[l];
            const T *W = theta + W_at, *b = theta + b_at;
            const V<T>* in = input_of(l);
            V<T>*out = a + at[l + 1], *z_l = z + at[l + 1];
            for (int j = 0; j < o; ++j) {
                V<T> total = net.bias ? all<T>(b[j]) : V<T>{};
                for (int m = 0; m < i; ++m) total += in[m] * W[m * o + j];
                z_l[j] = total;
            }
            if (l + 1 == net.layers()) return;  // the loss activates the outputs
            activate<T>(net.activations[l], z_l, out, o);
        }
    }

    V<T> backward() {
        const int last = net.layers(), k = net.outputs();
        V<T>* z_k = z + at[last];
        const V<T>*y = x + net.inputs(), *offset = y + k, weight = offset[k];
        for (int j = 0; j < k; ++j) z_k[j] += offset[j];
        const V<T> loss =
            loss_and_delta<T>(objective.loss, net.activations[last - 1], z_k, y, a + at[last], delta, k);
        const auto counts = weight > T(0);
        for (int j = 0; j < k; ++j) delta[j] = counts ? delta[j] * weight : V<T>{};
        for (int l = last - 1; l >= 0; --l) {
            const auto [i, o, W_at, b_at] = place[l];
            const V<T>* in = input_of(l);
            V<T>*dW = gradient.data() + W_at, *db = gradient.data() + b_at;
            for (int m = 0; m < i; ++m)
                for (int j = 0; j < o; ++j) dW[m * o + j] += in[m] * delta[j];
            if (net.bias)
                for (int j = 0; j < o; ++j) db[j] += delta[j];
            if (l > 0) pull_back(l, i, o, theta + W_at);
        }
        return counts ? loss * weight : V<T>{};
    }

    // From delta of layer l to delta of the layer below.
    void pull_back(int l, int i, int o, const T* W) {
        const V<T>*a_l = a + at[l], *z_l = z + at[l];
        for (int m = 0; m < i; ++m) {
            V<T> total{};
            for (int j = 0; j < o; ++j) total += delta[j] * W[m * o + j];
            d_a[m] = total;
        }
        with_activation<T>(net.activations[l - 1], [&](auto phi) {
            for (int m = 0; m < i; ++m) delta[m] = d_a[m] * phi.slope(z_l[m], a_l[m]);
        });
        if (net.activations[l - 1] == Activation::softmax) softmax_pull_back<T>(a_l, d_a, delta, i);
    }

    void update(const Step& step) {
        for (int l = 0; l < net.layers(); ++l) {
            const Update<T> update(optimizer, objective, l, step);
            const Place& p = place[l];
            apply(update, p.W, std::size_t(p.i) * p.o, 0);
            if (net.bias) apply(update, p.b, p.o, 1);
        }
    }

    void apply(const Update<T>& update, std::size_t begin, std::size_t count, int kind) {
        for (std::size_t p = begin; p < begin + count; p += lanes<T>) {
            const std::size_t left = std::min<std::size_t>(lanes<T>, begin + count - p);
            T part[4][lanes<T>] = {};
            const auto copy = [&](T* to, const T* from) { std::memcpy(to, from, left * sizeof(T)); };
            copy(part[0], theta + p), copy(part[1], slot(0) + p), copy(part[2], slot(1) + p);
            for (std::size_t j = 0; j < left; ++j) part[3][j] = T(sums[p + j]);
            update(part[0], load<T>(part[3]), part[1], part[2], kind);
            copy(theta + p, part[0]), copy(slot(0) + p, part[1]), copy(slot(1) + p, part[2]);
        }
    }

    const Network& net;
    const Objective& objective;
    const Optimizer& optimizer;
    const Rows<T>& rows;
    const std::vector<Place> place;
    std::vector<int> at;  // where each layer's values begin in a and z
    std::size_t parameters, padded;
    Aligned<V<T>> group, gradient, cached;
    Aligned<T> memory;
    Aligned<double> sums;  // of the gradient, over the portions of a step
    bool is_cached = false;
    const V<T>* x;
    V<T>*a, *z, *delta, *d_a, *gathered;
    T* theta;
};

}  // namespace deltarule::DELTARULE_ISA
