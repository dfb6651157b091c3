// What a fitted estimator holds.
#pragma once

#include "assay/estimate/estimator.hpp"

#include "features.hpp"
#include "regression.hpp"

#include <array>
#include <optional>

namespace assay {

// The regression of one kind of subgraph.
struct KindModel {
  int rows = 0;  // measurements of this kind; too few of them: not fitted
  bool fitted = false;
  LaneModel lanes{};
  Roofline roofline;
  std::optional<Residual> residual;
  double deviation = 0;  // root mean square of the cross-validated relative errors
  Extents range_low{}, range_high{};

  double latency(const Terms& terms, const Extents& extents) const;
  bool covers(const Extents& extents) const;
};

struct SubgraphValue {
  double latency_ms = 0;
  double variance = 0;  // ms^2, of its error
  bool extrapolated = false;
};

struct Estimator::Model {
  Accelerator accelerator;
  std::array<KindModel, subgraph_kind_count> kinds;
  KindModel fallback;  // all kinds together, for those with too few measurements; its lanes are the file's
  double coverage = 0.9;
  // The interval of a sum is its latency plus these times the root of the summed variances.
  double interval_low = 0, interval_high = 0;
  CrossValidation cross_validation;

  const KindModel& model_of(const Subgraph& subgraph) const;
  LaneModel lanes_of(const Subgraph& subgraph) const;
  SubgraphValue value_of(const Subgraph& subgraph) const;
  Prediction interval(double latency_ms, double variance, bool extrapolated) const;
};

}  // namespace assay
