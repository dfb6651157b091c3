// The two regressions of the estimator: a non-negative roofline, and a ridge on what it leaves.
#pragma once

#include "features.hpp"

#include <array>
#include <span>

namespace assay {

// latency = max(a x, b x): convex, and non-decreasing in every term.
struct Roofline {
  Terms a{};
  Terms b{};

  double operator()(const Terms& x) const;
  const Terms& active(const Terms& x) const;  // the face that decides
};

// The least a face may predict, so that logarithms exist.
inline constexpr double smallest_latency = 1e-30;

// Minimises squared relative errors by alternation: each row belongs to the face that is higher
// there, each face is refitted to its rows (Magnani and Boyd 2009, "Convex piecewise-linear fitting"), from
// several starts. At least one row; latencies > 0.
Roofline fit_roofline(std::span<const Terms> terms, std::span<const double> latencies);

// Mean squared logarithm of prediction / latency.
double log_loss(const Roofline& roofline, std::span<const Terms> terms, std::span<const double> latencies);

// log(latency / roofline) as a ridge regression on the standardised logarithms of the extents. The correction
// never leaves the range seen in the fit.
struct Residual {
  Extents mean{};
  Extents scale{};
  Extents weights{};
  double intercept = 0;
  double low = 0, high = 0;

  double factor(const Extents& extents) const;
};

// `penalty` is relative to the number of rows; > 0.
Residual fit_residual(std::span<const Extents> extents, std::span<const double> log_ratios, double penalty);

}  // namespace assay
