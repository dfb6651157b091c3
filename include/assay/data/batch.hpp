// From stored bytes to the floats of a batch: order, augmentation, normalisation.
//
// Everything random is a function of (seed, network fingerprint, epoch, image), so a batch does not depend on
// which worker assembles it, nor on what was assembled before.
#pragma once

#include "assay/data/dataset.hpp"
#include "assay/network/operator.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace assay {

struct Augmentation {
  int crop_padding = 0;  // pad by this many black pixels on every side, then crop the old size at random
  bool flip = false;     // mirror every other image, at random

  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

// How one image enters a batch: pixel (y, x) is taken from (y + dy, x + dx) of the image (mirrored first, if
// `flip`); black outside.
struct Placement {
  int dy = 0, dx = 0;
  bool flip = false;

  friend bool operator==(const Placement&, const Placement&) = default;
};

// `draw` numbers the draws of one training: epoch * images + image.
Placement draw_placement(const Augmentation& augmentation, std::uint64_t seed, std::uint64_t fingerprint,
                         std::uint64_t draw);

// The order of 0 .. count-1 in one epoch (Fisher-Yates).
std::vector<std::uint32_t> shuffled_order(std::size_t count, std::uint64_t seed, std::uint64_t fingerprint,
                                          std::uint64_t epoch);

// Places and normalises images: (pixel - mean) / standard deviation, per channel, measured once on a training
// set. A channel without variation is only centred.
class ImageTransform {
 public:
  ImageTransform(const ImageSet& training, Shape image);

  // Per channel, of pixels scaled to [0, 1], as PyTorch's transforms.Normalize takes them.
  struct Statistics {
    double mean = 0, deviation = 1;
  };
  std::span<const Statistics> statistics() const { return statistics_; }

  // `pixels` and `out` hold one image, {channels, height, width}.
  void write(std::span<const std::uint8_t> pixels, const Placement& placement, std::span<float> out) const;

 private:
  struct Channel {
    float scale = 1, offset = 0;  // out = scale * pixel + offset
  };

  Shape image_;
  std::vector<Channel> channels_;
  std::vector<Statistics> statistics_;
};

}  // namespace assay
