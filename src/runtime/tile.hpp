// Walks over blocked tensors in tiles that stay in the first-level cache: one channel block, some pixels, and
// where images are small, several of them.
#pragma once

#include "layout.hpp"
#include "vec.hpp"

#include <algorithm>

namespace assay {

struct Tile {
  std::int64_t offset;        // of the first pixel in a per-image buffer of the extent
  std::int64_t image_stride;  // to the same pixel of the next image
  int images, pixels;
  int channel;                // first channel of the block
  int image;                  // the first
  std::int64_t image_offset;  // of the first pixel in its image
};

inline constexpr int tile_pixels = 128;

template <int B, class F>
ASSAY_INLINE void for_tiles(int images, const Extent& extent, F&& f) {
  const int pixels = extent.pixels();
  const int group = std::max(1, tile_pixels / pixels);
  for (int n = 0; n < images; n += group) {
    for (int c = 0; c < extent.padded; c += B) {
      for (int p = 0; p < pixels; p += tile_pixels) {
        const std::int64_t at = std::int64_t{c} * pixels + std::int64_t{p} * B;
        f(Tile{.offset = n * extent.floats() + at,
               .image_stride = extent.floats(),
               .images = std::min(group, images - n),
               .pixels = std::min(tile_pixels, pixels - p),
               .channel = c,
               .image = n,
               .image_offset = at});
      }
    }
  }
}

// The sum of four accumulators, which hide the latency of additions.
template <int B>
ASSAY_INLINE Vec<B> sum4(const Vec<B> (&v)[4]) {
  return (v[0] + v[1]) + (v[2] + v[3]);
}

// One bit per element of a tensor, as lane_bits gives them.
inline std::int64_t mask_floats(const Extent& extent) {
  return (extent.floats() + 31) / 32;
}

// The bits of a tile's first pixel in its image number `n`.
template <int B>
ASSAY_INLINE LaneBits<B>* mask_at(float* mask, const Extent& extent, const Tile& tile, int n) {
  void* bits = mask + (tile.image + n) * mask_floats(extent);
  return static_cast<LaneBits<B>*>(bits) + tile.image_offset / B;
}

// Zeroes the lanes of a pixel run that lie beyond the real channels.
template <int B>
ASSAY_INLINE void clear_padding(float* p, int pixels, int channel, int channels) {
  if (channel + B <= channels) return;
  for (int i = 0; i < pixels; ++i, p += B) std::fill(p + (channels - channel), p + B, 0.0f);
}

}  // namespace assay
