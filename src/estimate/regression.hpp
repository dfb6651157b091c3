// Non-negative least squares, and a roofline fitted with it.
#pragma once

#include "features.hpp"

#include <array>
#include <span>
#include <vector>

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

// min |A x - b|^2 over x >= 0 for `a` with a row per element of `b`, columns scaled to one magnitude first
// (Lawson and Hanson 1974, "Solving Least Squares Problems", ch. 23).
std::vector<double> nonnegative_least_squares(std::span<const std::vector<double>> a,
                                              std::span<const double> b);

}  // namespace assay
