// Aligned memory that starts at zero, and the order of parameters in theta.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>

#include "problem.hpp"

namespace deltarule {

template <class T> class Aligned {
  public:
    explicit Aligned(std::size_t count = 0) : values(nullptr) { reset(count); }
    ~Aligned() { ::operator delete(values, std::align_val_t(64)); }
    Aligned(const Aligned&) = delete;
    Aligned& operator=(const Aligned&) = delete;
    void reset(std::size_t count) {
        const std::size_t bytes = count * sizeof(T) + 64;
        T* const fresh = static_cast<T*>(::operator new(bytes, std::align_val_t(64)));
        ::operator delete(values, std::align_val_t(64));
        values = fresh;
        std::memset(static_cast<void*>(values), 0, bytes);
    }
    T* data() const { return values; }
    T& operator[](std::size_t place) const { return values[place]; }

  private:
    T* values;
};

// Where a layer's W (i, o) and b (o,) begin in theta.
struct Place {
    int i, o;
    std::size_t W, b;
};

inline std::vector<Place> places(const Network& net) {
    std::vector<Place> found;
    std::size_t start = 0;
    for (int l = 0; l < net.layers(); ++l) {
        const int i = net.widths[l], o = net.widths[l + 1];
        found.push_back({i, o, start, start + std::size_t(i) * o});
        start += std::size_t(i) * o + (net.bias ? o : 0);
    }
    return found;
}

// The penalties on weights (kind 0) or biases (kind 1).
template <class T> double penalty(const Objective& objective, const T* p, std::size_t count, int kind) {
    double absolute = 0.0, square = 0.0;
    for (std::size_t j = 0; j < count; ++j)
        absolute += std::abs(double(p[j])), square += double(p[j]) * double(p[j]);
    return objective.l1[kind] * absolute + 0.5 * objective.l2[kind] * square;
}

// The penalties on theta, unpadded.
template <class T> double penalty(const Objective& objective, const Network& net, const T* theta) {
    if (!objective.penalized()) return 0.0;
    double total = 0.0;
    for (const Place& place : places(net)) {
        total += penalty(objective, theta + place.W, std::size_t(place.i) * place.o, 0);
        if (net.bias) total += penalty(objective, theta + place.b, place.o, 1);
    }
    return total;
}

}  // namespace deltarule
