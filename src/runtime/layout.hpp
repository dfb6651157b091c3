// The runtime's one layout of activations: channels in blocks of 16 (AVX-512) or 8 floats, the last block
// padded with zeros, nChw16c in oneDNN's words. Only the network's input and output are plain; convolutions
// with few input channels read the plain input directly.
#pragma once

#include "assay/network/operator.hpp"
#include "assay/runtime/runtime.hpp"

#include <cstdint>

namespace assay {

// Floats per channel block on this CPU.
int block_size();

inline int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// One image's tensor as it is stored.
struct Extent {
  int channels = 0, height = 0, width = 0;
  int padded = 0;      // channels as stored
  bool plain = false;  // NCHW instead of blocked

  static Extent blocked(const Shape& shape) {
    return {shape.channels, shape.height, shape.width, round_up(shape.channels, block_size()), false};
  }
  static Extent unblocked(const Shape& shape) {
    return {shape.channels, shape.height, shape.width, shape.channels, true};
  }
  int pixels() const { return height * width; }
  std::int64_t floats() const { return std::int64_t{padded} * height * width; }
  std::int64_t elements() const { return std::int64_t{channels} * height * width; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

TensorView make_view(float* data, int batch, const Extent& extent);

// Plain NCHW <-> blocked, for `images` images. Packing writes the zero padding.
void pack_images(const float* plain, float* blocked, int images, const Extent& extent);
void unpack_images(const float* blocked, float* plain, int images, const Extent& extent);

}  // namespace assay
