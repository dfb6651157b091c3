// The covariance of the channels of a feature map over its positions and images.
#pragma once

#include "assay/network/operator.hpp"
#include "assay/runtime/runtime.hpp"

#include "spectrum.hpp"

#include <map>
#include <optional>
#include <stop_token>
#include <vector>

namespace assay {

// Computed once for all probes of a pass that watch an operator: they are called one after the other.
class FeatureCovariance {
 public:
  // Lower triangle, divided by the number of positions. Null until the last of the `batch` images has been
  // shown. Valid until the next call. Throws Cancelled.
  const SquareMatrix* of(OpId op, const TensorView& features, int batch, const std::stop_token& stop);
  // Between forward passes.
  void clear() { op_.reset(); }

 private:
  // Of the images shown so far.
  struct Sums {
    int images = 0;
    std::vector<float> shift, product;
    std::vector<double> sums;
  };
  static void add(Sums& sums, const TensorView& features, const std::stop_token& stop);
  void finish(const Sums& sums, const TensorView& features);

  std::map<OpId, Sums> open_;
  std::optional<OpId> op_;
  SquareMatrix covariance_{0};
};

}  // namespace assay
