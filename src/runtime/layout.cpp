#include "layout.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

#include <dnnl.hpp>

namespace assay {

int block_size() {
  static const int block = [] {
    switch (dnnl::get_effective_cpu_isa()) {
      case dnnl::cpu_isa::sse41:
      case dnnl::cpu_isa::avx:
      case dnnl::cpu_isa::avx2:
      case dnnl::cpu_isa::avx2_vnni:
        return 8;
      default:
        return 16;
    }
  }();
  return block;
}

TensorView make_view(float* data, int batch, const Extent& extent) {
  TensorView view;
  view.data = data;
  view.batch = batch;
  view.channels = extent.channels;
  view.height = extent.height;
  view.width = extent.width;
  view.block = extent.plain ? 1 : block_size();
  view.padded_channels = extent.padded;
  view.image_stride = extent.floats();
  view.block_stride = std::int64_t{extent.pixels()} * view.block;
  view.pixel_stride = view.block;
  return view;
}

// Both go in tiles of one cache line of pixels by one block of channels: the channels of the plain layout are
// often pages apart, and in a tile each line is used up before its neighbours drive it out.
constexpr int tile_pixels = 16;

void pack_images(const float* plain, float* blocked, int images, const Extent& extent) {
  const int block = block_size();
  const int pixels = extent.pixels();
  for (int n = 0; n < images; ++n, plain += extent.elements()) {
    for (int c0 = 0; c0 < extent.padded; c0 += block) {
      const int real = std::clamp(extent.channels - c0, 0, block);
      for (int p = 0; p < pixels; p += tile_pixels) {
        const int count = std::min(tile_pixels, pixels - p);
        const float* from = plain + std::int64_t{c0} * pixels + p;
        for (int c = 0; c < real; ++c, from += pixels) {
          for (int i = 0; i < count; ++i) blocked[i * block + c] = from[i];
        }
        for (int i = 0; i < count; ++i, blocked += block) std::fill(blocked + real, blocked + block, 0.0f);
      }
    }
  }
}

void unpack_images(const float* blocked, float* plain, int images, const Extent& extent) {
  const int block = block_size();
  const int pixels = extent.pixels();
  for (int n = 0; n < images; ++n, plain += extent.elements()) {
    for (int c0 = 0; c0 < extent.padded; c0 += block) {
      const int real = std::clamp(extent.channels - c0, 0, block);
      for (int p = 0; p < pixels; p += tile_pixels) {
        const int count = std::min(tile_pixels, pixels - p);
        float* to = plain + std::int64_t{c0} * pixels + p;
        for (int c = 0; c < real; ++c, to += pixels) {
          for (int i = 0; i < count; ++i) to[i] = blocked[i * block + c];
        }
        blocked += count * block;
      }
    }
  }
}

namespace {

// Calls f(stored, plain) with the offset of every element in both layouts.
template <class F>
void for_each_element(const TensorView& view, F&& f) {
  std::int64_t plain = 0;
  for (int n = 0; n < view.batch; ++n) {
    for (int c = 0; c < view.channels; ++c) {
      std::int64_t stored = view.offset(n, c, 0, 0);
      for (int p = 0; p < view.pixels(); ++p, stored += view.pixel_stride) f(stored, plain++);
    }
  }
}

void check_size(const TensorView& view, std::size_t floats) {
  if (static_cast<std::int64_t>(floats) != view.elements()) {
    throw InternalError("A tensor view was copied to or from a span of another size.");
  }
}

}  // namespace

void TensorView::copy_to(std::span<float> plain) const {
  check_size(*this, plain.size());
  for_each_element(*this, [&](std::int64_t stored, std::int64_t index) {
    plain[static_cast<std::size_t>(index)] = data[stored];
  });
}

void TensorView::copy_from(std::span<const float> plain) {
  check_size(*this, plain.size());
  for_each_element(*this, [&](std::int64_t stored, std::int64_t index) {
    data[stored] = plain[static_cast<std::size_t>(index)];
  });
}

}  // namespace assay
