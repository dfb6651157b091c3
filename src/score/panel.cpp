#include "panel.hpp"

#include <algorithm>
#include <cstring>

namespace assay {
namespace {

// Copies `length` neighbouring channels of one position in the cell for every row. `length` is a constant
// where it matters, so that the copy is one vector move.
template <int length>
void pack_channels(const TensorView& map, const Folding& folding, int sub_y, int sub_x, int channel,
                   int count, std::int64_t first, int rows, float* to) {
  const float* base = map.data + channel / map.block * map.block_stride + channel % map.block;
  const std::int64_t step = folding.step_x * map.pixel_stride;
  for_runs(folding, {map.height, map.width}, sub_y, sub_x, first, rows, [&](const Run& run) {
    const float* from =
        base + run.image * map.image_stride + (std::int64_t{run.y} * map.width + run.x) * map.pixel_stride;
    for (int i = 0; i < run.inside; ++i, from += step) {
      if constexpr (length > 0)
        std::memcpy(to + i * lanes, from, length * sizeof(float));
      else
        std::memcpy(to + i * lanes, from, static_cast<std::size_t>(count) * sizeof(float));
    }
    to += run.length * lanes;  // what lies beyond the map is zero already
  });
}

// Outer products of the rows of two groups, summed. 16 vectors of accumulators fill the registers of AVX-512;
// narrower machines take fewer rows of the tile at a time.
#ifdef __AVX512F__
constexpr int tile = 16;
#else
constexpr int tile = 4;
#endif

void add_tile(const float* a, const float* b, int rows, float* product, std::int64_t stride) {
  for (int top = 0; top < lanes; top += tile) {
    Vector sum[tile] = {};
    for (int row = 0; row < rows; ++row) {
      const Vector right = load(b + row * lanes);
      const float* left = a + row * lanes + top;
      for (int i = 0; i < tile; ++i) sum[i] += left[i] * right;
    }
    for (int i = 0; i < tile; ++i) {
      float* to = product + (top + i) * stride;
      store(to, load(to) + sum[i]);
    }
  }
}

}  // namespace

void pack(const TensorView& map, const Folding& folding, std::int64_t first, int rows, Panel& panel) {
  const int groups = channel_groups(map.channels);
  panel.resize(groups * folding.cell(), rows);
  const bool overhang = map.height % folding.step_y != 0 || map.width % folding.step_x != 0;
  int g = 0;
  for (int sub_y = 0; sub_y < folding.step_y; ++sub_y)
    for (int sub_x = 0; sub_x < folding.step_x; ++sub_x)
      for (int channel = 0; channel < map.channels; channel += lanes, ++g) {
        float* to = panel.group(g);
        const int wanted = std::min(lanes, map.channels - channel);
        if (wanted < lanes || overhang) std::fill_n(to, std::int64_t{rows} * lanes, 0.0f);
        for (int lane = 0; lane < wanted;) {
          const int c = channel + lane;
          const int run = std::min(wanted - lane, map.block - c % map.block);
          if (run == 16)
            pack_channels<16>(map, folding, sub_y, sub_x, c, run, first, rows, to + lane);
          else if (run == 8)
            pack_channels<8>(map, folding, sub_y, sub_x, c, run, first, rows, to + lane);
          else if (run == 1)
            pack_channels<1>(map, folding, sub_y, sub_x, c, run, first, rows, to + lane);
          else
            pack_channels<0>(map, folding, sub_y, sub_x, c, run, first, rows, to + lane);
          lane += run;
        }
      }
}

void add_row_sums(const Panel& panel, std::span<double> sums) {
  for (int g = 0; g < panel.groups; ++g) {
    Vector sum[4] = {};  // hide the latency of additions
    const float* from = panel.group(g);
    for (int row = 0; row < panel.rows; ++row, from += lanes) sum[row % 4] += load(from);
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (int i = 0; i < lanes; ++i) sums[static_cast<std::size_t>(g * lanes + i)] += sum[0][i];
  }
}

void subtract(Panel& panel, std::span<const float> shift) {
  for (int g = 0; g < panel.groups; ++g) {
    const Vector less = load(shift.data() + g * lanes);
    float* at = panel.group(g);
    for (int row = 0; row < panel.rows; ++row, at += lanes) store(at, load(at) - less);
  }
}

void add_product(const Panel& a, const Panel& b, std::span<float> product) {
  const std::int64_t stride = std::int64_t{b.groups} * lanes;
  for (int i = 0; i < a.groups; ++i)
    for (int j = 0; j < (&a == &b ? i + 1 : b.groups); ++j)
      add_tile(a.group(i), b.group(j), a.rows, product.data() + i * lanes * stride + j * lanes, stride);
}

}  // namespace assay
