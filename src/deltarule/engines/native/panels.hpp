// Panels: how wide layers lie in memory, so that the micro-kernel reads everything in order. The columns of a
// matrix or of a layer's values are dealt out to panels of one to three vectors; what belongs to one panel is
// contiguous:
//   Values    [panel][row][column]     the activations or deltas of the rows of a span
//   Matrix    [panel][input][column]   W; for pulling deltas back also its transpose, [panel][unit][column]
// Columns are padded with zeros to whole vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "memory.hpp"
#include "vector.hpp"

namespace deltarule::DELTARULE_ISA {

inline std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t to) { return (n + to - 1) / to * to; }

struct Panel {
    int begin, columns;  // columns begin ... begin + columns
};

// Three vectors wide, as the kernel likes it best; at the end two, and one only where that is all.
template <class T> class Panels {
  public:
    explicit Panels(int width) : width(width), padded(int(round_up(width, lanes<T>))) {
        for (int begin = 0; begin < padded;) {
            const int left = (padded - begin) / lanes<T>, vectors = left == 4 ? 2 : std::min(left, 3);
            panels.push_back({begin, vectors * lanes<T>});
            begin += panels.back().columns;
        }
    }
    int count() const { return int(panels.size()); }
    const Panel& operator[](int p) const { return panels[p]; }
    int used(int p) const { return std::min(panels[p].columns, width - panels[p].begin); }

    const int width, padded;

  private:
    std::vector<Panel> panels;
};

// To lane order: column j of the rows `at`, of `width` columns each, becomes vector j * next.
template <class T>
inline void to_lanes(const T* from, int width, const std::ptrdiff_t* at, V<T>* to, int next = 1) {
    const auto square = [&](int begin) {
        V<T> v[lanes<T>];
        for (int m = 0; m < lanes<T>; ++m) v[m] = load<T>(from + at[m] * width + begin);
        transpose<T>(v);
        for (int j = 0; j < lanes<T>; ++j) to[(begin + j) * next] = v[j];
    };
    int j = 0;
    for (; j + lanes<T> <= width; j += lanes<T>) square(j);
    if (j < width && width > lanes<T>) return square(width - lanes<T>);
    for (; j < width; ++j) {
        V<T> v;
        for (int m = 0; m < lanes<T>; ++m) v[m] = from[at[m] * width + j];
        to[j * next] = v;
    }
}

template <class T> class Values {
  public:
    Values(const Panels<T>& panels, std::ptrdiff_t rows) : panels(panels) {
        memory.reset(std::size_t(panels.padded) * rows + std::size_t(panels.count()) * gap);
        for (int p = 0; p < panels.count(); ++p)
            origin.push_back(memory.data() + panels[p].begin * rows + p * gap);
    }
    // Row `row` of panel p.
    T* at(int p, std::ptrdiff_t row) const { return origin[p] + row * panels[p].columns; }

    // Rows r ... r + count, padded columns included, to lane order and back; lanes without a row hold row r.
    void get(std::ptrdiff_t r, int count, V<T>* to) const {
        std::ptrdiff_t at_m[lanes<T>];
        for (int m = 0; m < lanes<T>; ++m) at_m[m] = r + (m < count ? m : 0);
        for (int p = 0; p < panels.count(); ++p)
            to_lanes<T>(origin[p], panels[p].columns, at_m, to + panels[p].begin);
    }
    void put(std::ptrdiff_t r, int count, const V<T>* from) const {
        for (int p = 0; p < panels.count(); ++p)
            for (int j = 0; j < panels[p].columns; j += lanes<T>) {
                V<T> v[lanes<T>];
                std::copy_n(from + panels[p].begin + j, lanes<T>, v);
                transpose<T>(v);
                for (int m = 0; m < count; ++m) store<T>(at(p, r + m) + j, v[m]);
            }
    }

    const Panels<T>& panels;

  private:
    static constexpr std::ptrdiff_t gap = 512 / sizeof(T);  // rows of several panels share no cache sets
    Aligned<T> memory;
    std::vector<T*> origin;
};

// A matrix of inputs.width rows and units.width columns, both padded: where it lies in some memory.
template <class T> class Matrix {
  public:
    Matrix(const Panels<T>& inputs, const Panels<T>& units, std::size_t start)
        : inputs(inputs), units(units), start(start) {}
    std::size_t size() const { return std::size_t(inputs.padded) * units.padded; }
    // Rows from `input` on of panel p.
    std::size_t at(int p, int input) const {
        return start + std::size_t(units[p].begin) * inputs.padded + std::size_t(input) * units[p].columns;
    }

    const Panels<T>&inputs, &units;

  private:
    const std::size_t start;
};

}  // namespace deltarule::DELTARULE_ISA
