// Rademacher tensors as bits: a seed of the size of a feature map costs one bit an element, and is written
// into gradients or unpacked into panels where it is needed.
#pragma once

#include "assay/base/random.hpp"

#include "panel.hpp"

#include <cstdint>
#include <vector>

namespace assay {

// Signs of a batch x channels x height x width tensor, independent of any memory layout: position (image, y,
// x), in that order, owns channel_groups(channels) groups of 16 bits, channel c is bit c % 16 of group c / 16
// (1: +1, 0: -1). Groups are the halves, low first, of the 32-bit numbers that the generator gives.
class Signs {
 public:
  // Of `batch` images of the view's shape.
  Signs(const TensorView& like, int batch, Random& random);

  // Overwrites the view's images (padding stays).
  void write(TensorView& tensor) const;
  // As pack() of the whole batch.
  void pack(const Folding& folding, std::int64_t first, int rows, Panel& panel) const;

 private:
  int channels_, height_, width_, groups_;
  std::vector<std::uint16_t> bits_;
};

}  // namespace assay
