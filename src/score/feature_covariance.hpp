// The covariance of the channels of a feature map over its positions and images.
#pragma once

#include "assay/network/operator.hpp"
#include "assay/runtime/runtime.hpp"

#include "spectrum.hpp"

#include <optional>
#include <stop_token>

namespace assay {

// Computed once for all probes of a pass that watch an operator: they are called one after the other.
class FeatureCovariance {
 public:
  // Lower triangle, divided by the number of positions. Null for more channels than max_spectrum_size. Valid
  // until the next call. Throws Cancelled.
  const SquareMatrix* of(OpId op, const TensorView& features, const std::stop_token& stop);
  // Between forward passes.
  void clear() { op_.reset(); }

 private:
  std::optional<OpId> op_;
  SquareMatrix covariance_{0};
};

}  // namespace assay
