// Which units of a network are active for which images: what naswot, swap and linear_regions read.
//
// A unit is one element of the output of an activation operator, for one image. It is active where its
// pre-activation x is positive. One bit is the whole regime of a ReLU. Functions with more regimes (ReLU6,
// h-swish) or none (SiLU, GELU, tanh, sigmoid) keep the same bit, because it is the one that carries
// information at initialisation: all of them change from "hardly passes anything" to "passes x" (gates: from
// "rather shut" to "rather open") around 0, where the pre-activations of a normalised network are centred,
// while the outer bounds at 3 and 6 standard deviations are hardly ever crossed. A network so has the same
// pattern with any of these functions, given the same pre-activations.
//
// The bit is read off the output f(x), which exists in any case (pre-activations are mostly fused away): x >
// 0 exactly where f(x) > f(0), and f(0) is 0, or 1/2 for sigmoid and h-sigmoid. The exception, a leaky ReLU
// of negative slope, has no pattern.
#pragma once

#include "probe.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace assay {

// Output above which a unit of the operator is active; nothing for operators without a pattern.
std::optional<float> activity_threshold(const Operator& op);

// The bits of one activation tensor, image by image.
class ActivationPattern {
 public:
  explicit ActivationPattern(int images) : images_(images) {}

  // In an unspecified order, the same for all images; bits that belong to no unit (padding) are 0.
  std::span<const std::uint64_t> image(int index) const {
    return {bits_.data() + static_cast<std::size_t>(index) * words_, words_};
  }
  int images() const { return images_; }
  // On how many units two images differ.
  std::int64_t distance(int a, int b) const;

  // False when an output is infinite or no number.
  bool read(const TensorView& outputs, float threshold);

 private:
  int images_;
  std::size_t words_ = 0;  // per image
  std::vector<std::uint64_t> bits_;
};

// Appends to `keys` the pattern of every unit over the images: bit s is image s. At most 32 images. Padded
// units are among them, never active; returns how many, or nothing when an output is infinite or no number.
std::optional<std::int64_t> append_unit_patterns(const TensorView& outputs, float threshold,
                                                 std::vector<std::uint32_t>& keys);

// Watches all activations that have a pattern, and whether the pass stays finite.
class ActivationProbe : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> forward_taps() const override;
  void after_forward(Executable& executable) override;

 protected:
  float threshold(OpId activation) const;

  std::int64_t units_ = 0;  // per image
  bool finite_ = true;      // all activations, and the network's output
};

}  // namespace assay
