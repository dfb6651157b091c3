// Rows of features out of feature maps, and products of such rows: what covariances and Jacobian estimates
// are made of.
//
// A row is one position (image, y, x) of a grid, its features are the channels there. A map that is finer
// than the grid is folded (space to depth): the positions of a cell stand side by side as more features,
// zeros where the last cell hangs over the edge. Chunks of rows are packed into panels, vectors of 16
// features, whatever the tensor's layout is: the kernels see one layout, and a panel stays in the cache.
#pragma once

#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace assay {

inline constexpr int lanes = 16;
inline constexpr int chunk_rows = 128;

// 16 floats are one register with AVX-512 and several elsewhere, where GCC warns that passing them has no
// stable convention; none crosses a translation unit.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

using Vector [[gnu::vector_size(lanes * sizeof(float))]] = float;

inline Vector load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

inline void store(float* to, const Vector& vector) {
  std::memcpy(to, &vector, sizeof vector);
}

// How the positions of a height x width map fall onto a grid of rows.
struct Grid {
  int height = 0, width = 0;
  friend bool operator==(const Grid&, const Grid&) = default;
};

struct Folding {
  Grid grid;
  int step_y = 1, step_x = 1;  // positions of the map per cell

  Folding(Grid map, Grid onto)
      : grid(onto),
        step_y((map.height + onto.height - 1) / onto.height),
        step_x((map.width + onto.width - 1) / onto.width) {}
  int cell() const { return step_y * step_x; }
};

// Neighbouring rows whose positions (y, x), (y, x + step_x), ... lie on one line of the map. Behind the first
// `inside` of them the map has ended.
struct Run {
  std::int64_t image;
  int y, x;
  int length, inside;
};

// Calls f(run) for the rows [first, first + rows) in order, taking the position (sub_y, sub_x) of each cell.
template <class F>
void for_runs(const Folding& folding, Grid map, int sub_y, int sub_x, std::int64_t first, int rows, F&& f) {
  Grid grid = folding.grid;
  if (grid == map) {  // lines follow one another
    grid = map = {1, map.height * map.width};
  }
  const std::int64_t cells = std::int64_t{grid.height} * grid.width;
  std::int64_t image = first / cells;
  int cell_y = static_cast<int>(first % cells / grid.width), cell_x = static_cast<int>(first % grid.width);
  while (rows > 0) {
    const int length = std::min(rows, grid.width - cell_x);
    const int y = cell_y * folding.step_y + sub_y, x = cell_x * folding.step_x + sub_x;
    const int line = y < map.height ? (map.width - x + folding.step_x - 1) / folding.step_x : 0;
    f(Run{.image = image, .y = y, .x = x, .length = length, .inside = std::clamp(line, 0, length)});
    rows -= length;
    cell_x = 0;
    if (++cell_y == grid.height) {
      cell_y = 0;
      ++image;
    }
  }
}

// groups x rows x 16 floats.
struct Panel {
  std::vector<float> values;
  int groups = 0, rows = 0;

  void resize(int new_groups, int new_rows) {
    groups = new_groups;
    rows = new_rows;
    values.resize(std::size_t{1} * static_cast<std::size_t>(groups) * static_cast<std::size_t>(rows) * lanes);
  }
  float* group(int g) { return values.data() + std::int64_t{g} * rows * lanes; }
  const float* group(int g) const { return values.data() + std::int64_t{g} * rows * lanes; }
};

// Groups of 16 features of a map with `channels` channels.
inline int channel_groups(int channels) {
  return (channels + lanes - 1) / lanes;
}

// Packs rows [first, first + rows) of the map; features that do not exist are zero.
void pack(const TensorView& map, const Folding& folding, std::int64_t first, int rows, Panel& panel);

// Sums over the panel's rows, groups x 16, added to `sums`.
void add_row_sums(const Panel& panel, std::span<double> sums);
// Subtracts `shift` (groups x 16) from every row.
void subtract(Panel& panel, std::span<const float> shift);

// product += a^T b over the panels' rows: (16 a.groups) x (16 b.groups), row major. With a == b only the
// lower triangle of groups is computed.
void add_product(const Panel& a, const Panel& b, std::span<float> product);

}  // namespace assay
