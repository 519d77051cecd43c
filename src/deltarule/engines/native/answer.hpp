// Without training: predictions and losses, chunk by chunk of rows, so that memory stays bounded. One row at
// a time needs no panels: it takes theta as it is.
#pragma once

#include "request.hpp"
#include "run.hpp"

namespace deltarule::DELTARULE_ISA {

// From z to a of one layer's units, padded to whole vectors.
template <class T> inline void activate_units(Activation activation, T* z, int o) {
    V<T>* const vectors = reinterpret_cast<V<T>*>(z);
    if (activation != Activation::softmax) {
        activate<T>(activation, vectors, vectors, (o + lanes<T> - 1) / lanes<T>);
        return;
    }
    const T top = *std::max_element(z, z + o);
    T total = 0;
    for (int j = 0; j < o; ++j) total += z[j] = std::exp(z[j] - top);
    for (int j = 0; j < o; ++j) z[j] /= total;
}

// z = x W for `vectors` vectors of units, or for one unit; W: i rows of o.
template <class T, int vectors> inline void product(const T* x, const T* W, int i, int o, T* z) {
    V<T> sum[vectors] = {};
    for (int m = 0; m < i; ++m, W += o)
        for (int v = 0; v < vectors; ++v) sum[v] += x[m] * load<T>(W + v * lanes<T>);
    for (int v = 0; v < vectors; ++v) store<T>(z + v * lanes<T>, sum[v]);
}
template <class T> inline T product(const T* x, const T* W, int i, int o) {
    T sum = 0;
    for (int m = 0; m < i; ++m, W += o) sum += x[m] * *W;
    return sum;
}

// One row through the network; room: twice the widest layer, padded.
template <class T>
inline void predict_row(const Network& net, const std::vector<Place>& place, const T* theta, const T* x,
                        const T* offset, T* room, std::ptrdiff_t widest, T* y_hat) {
    for (int l = 0; l < net.layers(); ++l) {
        const auto [i, o, W_at, b_at] = place[l];
        const T* W = theta + W_at;
        T* z = room + l % 2 * widest;
        int j = 0;
        for (; j + 4 * lanes<T> <= o; j += 4 * lanes<T>) product<T, 4>(x, W + j, i, o, z + j);
        for (; j + lanes<T> <= o; j += lanes<T>) product<T, 1>(x, W + j, i, o, z + j);
        for (; j < o; ++j) z[j] = product<T>(x, W + j, i, o);
        for (j = 0; net.bias && j < o; ++j) z[j] += theta[b_at + j];
        for (j = 0; offset && l + 1 == net.layers() && j < o; ++j) z[j] += offset[j];
        activate_units<T>(net.activations[l], z, o);
        x = z;
    }
    std::copy_n(x, net.outputs(), y_hat);
}

template <class T> inline void predict_few(Question<T>& question) {
    const auto place = places(question.net);
    const std::ptrdiff_t widest =
        round_up(*std::max_element(question.net.widths.begin(), question.net.widths.end()), lanes<T>);
    const Aligned<T> room(2 * widest);
    const Rows<T>& rows = question.rows;
    const int i = question.net.inputs(), k = question.net.outputs();
    for (std::ptrdiff_t r = 0; r < rows.n; ++r)
        predict_row<T>(question.net, place, question.theta, rows.X + r * i,
                       rows.offset ? rows.offset + r * k : nullptr, room.data(), widest,
                       question.y_hat + r * k);
}

// Every thread has a chunk of the span for itself.
template <class T> inline void answer_many(Question<T>& question) {
    Team team(question.threads);
    Forward<T> forward(question.net, question.rows, chunk_rows * team.size());
    forward.each_parameter(forward.memory.data(), const_cast<T*>(question.theta),
                           [](T& mine, T& theirs) { mine = theirs; });
    const std::ptrdiff_t n = question.rows.n;
    std::vector<double> losses(question.y_hat ? 0 : (n + chunk_rows - 1) / chunk_rows);
    Dealer chunks;
    team.run([&](int thread) {
        const DenormalsFlushed flushed;
        Prefetch ahead;
        const std::ptrdiff_t first = thread * chunk_rows;
        for (std::ptrdiff_t c; (c = chunks.take()) * chunk_rows < n;) {
            const std::ptrdiff_t begin = c * chunk_rows, count = std::min(chunk_rows, n - begin);
            const auto row = [&](std::ptrdiff_t r) { return begin + r - first; };
            forward.locate(row, first, count);
            forward.forward(first, count, ahead);
            if (question.y_hat)
                forward.predictions(row, first, count, question.y_hat + begin * question.net.outputs());
            else {
                forward.outputs(row, first, count, question.loss, nullptr);
                for (std::ptrdiff_t r = first; r < first + count; ++r) losses[c] += double(forward.losses[r]);
            }
        }
    });
    for (const double loss : losses) question.sum_of_losses += loss;
}

template <class T> inline void answer_question(Question<T>& question) {
    if (question.y_hat && question.rows.n <= few_rows) {
        const DenormalsFlushed flushed;
        predict_few(question);
    } else {
        answer_many(question);
    }
}

}  // namespace deltarule::DELTARULE_ISA
