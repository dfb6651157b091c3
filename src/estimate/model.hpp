// What a fitted estimator holds.
#pragma once

#include "assay/estimate/estimator.hpp"

#include "features.hpp"
#include "gaussian_process.hpp"
#include "regression.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// How sure the measurements are of a lane count: the best other count, and how many times larger the error
// is with it. rival 0: the accelerator file gave the count, or the dimension has none.
struct LaneEvidence {
  int rival = 0;
  double rival_error = 1;
};

// The roofline of one kind of subgraph, and what its measurements covered.
struct KindModel {
  int rows = 0;         // subgraph measurements of this kind
  bool fitted = false;  // false: too few measurements, the fallback serves
  LaneModel lanes{};
  std::array<LaneEvidence, lane_dimension_count> evidence{};
  Roofline roofline;
  // Above 0: what the correction starts from instead of the roofline, which explains so little of these rows
  // that it would only add kinks.
  double flat_ms = 0;
  double deviation = 0;  // root mean square of the cross-validated relative errors of its rows
  Extents range_low{}, range_high{};

  bool covers(const Extents& extents) const;
};

struct Rooflines {
  std::array<KindModel, subgraph_kind_count> kinds;
  KindModel fallback;  // all kinds together, for those with too few measurements; its lanes are the file's
  double least_ms = 1e-9;  // of a subgraph: a fit to networks alone may find no time at all for some kind

  const KindModel& model_of(SubgraphKind kind) const;
  LaneModel lanes_of(const Accelerator& accelerator, const Subgraph& subgraph) const;
  Terms terms(const Accelerator& accelerator, const Subgraph& subgraph, const Work& work) const;
  // At least least_ms.
  double latency_ms(const Accelerator& accelerator, const Subgraph& subgraph, const Work& work) const;
};

// Of a measured network: the same for networks whose subgraphs are the same, in any order.
std::uint64_t network_key(std::span<const SubgraphInstance> instances);

struct SubgraphValue {
  double latency_ms = 0;
  double variance = 0;  // ms^2, of its error
  bool extrapolated = false;
};

// Of the logarithm of the latency, in units of its deviation (the root of the summed variances by the sum).
struct Interval {
  double low = 0, high = 0;
};

struct Estimator::Model {
  Accelerator accelerator;
  Rooflines rooflines;
  GaussianProcess correction;  // of the kinds that it improves
  double coverage = 0.9;
  Interval of_network, of_subgraph;
  CrossValidation cross_validation;
  double reference_ms = 0;
  std::vector<std::uint64_t> fitted_to;  // keys of the measurements, ascending

  SubgraphValue value_of(const Subgraph& subgraph, Setting setting) const;
  Prediction predicted(double latency_ms, double variance, bool extrapolated, const Interval& interval) const;
};

}  // namespace assay
