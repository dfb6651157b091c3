#include "gaussian_process.hpp"

#include "posterior.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

double GaussianProcess::log_factor(const ProcessPoint& point, bool in_network) const {
  const bool context = in_network && !context_weights.empty();
  double sum = 0;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (points[p].kind != point.kind) continue;
    sum += weights[p] * kernel(point, points[p]);
    if (context) sum += context_weights[p] * kernel.context(point, points[p]);
  }
  return sum;
}

Belief GaussianProcess::at(const ProcessPoint& point, bool in_network) const {
  const bool context = in_network && !context_weights.empty();
  const double prior = kernel.variance(point);
  double most_likeness = 0;
  Belief out;
  out.variance = prior;
  for (std::size_t p = 0; p < points.size(); ++p) {
    const ProcessPoint& known = points[p];
    if (known.kind != point.kind) continue;
    out.informed = true;
    const double covariance = kernel(point, known), there = kernel.variance(known);
    out.log_factor += weights[p] * covariance;
    if (context) out.log_factor += context_weights[p] * kernel.context(point, known);
    // Of what is known at the known point: slope times its variance, and what it does not tell.
    const double slope = covariance / there;
    out.variance = std::min(out.variance, prior - slope * slope * there + slope * slope * variances[p]);
    // What a subgraph has to itself is known of the measured ones only, and no sign of extrapolation.
    const double likeness = covariance - (point.subgraph == known.subgraph ? kernel.exact : 0);
    most_likeness = std::max(
        most_likeness, likeness * std::abs(likeness) / ((prior - kernel.exact) * (there - kernel.exact)));
  }
  out.variance = std::max(out.variance, 0.0);
  out.novelty = 1 - most_likeness;
  return out;
}

GaussianProcess condition(const ProcessKernel& kernel, std::span<const ProcessPoint> points,
                          std::span<const Observation> rows, bool with_variances) {
  const Covariances k = covariances(kernel, points, has_context(rows));
  const State state = settle(k, points, rows, noise_of(kernel, rows));
  GaussianProcess out;
  out.kernel = kernel;
  out.points.assign(points.begin(), points.end());
  out.weights.assign(state.weights.begin(), state.weights.end());
  out.context_weights.assign(state.context_weights.begin(), state.context_weights.end());
  if (with_variances) {
    MatrixXd explained = state.rows.shares * k.alone;
    state.factor.matrixL().solveInPlace(explained);
    const VectorXd left = k.alone.diagonal() - explained.colwise().squaredNorm().transpose();
    for (const double variance : left) out.variances.push_back(std::max(variance, 0.0));
  }
  return out;
}

}  // namespace assay
