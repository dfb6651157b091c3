#include "gaussian_process.hpp"

#include "posterior.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

bool GaussianProcess::sees(SubgraphKind kind) const {
  return std::ranges::find(points, kind, &Point::kind) != points.end();
}

double GaussianProcess::log_factor(const Point& point, bool in_network) const {
  const bool context = in_network && !context_weights.empty();
  double sum = 0;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (points[p].kind != point.kind) continue;
    sum += weights[p] * kernel(point, points[p]);
    if (context) sum += context_weights[p] * kernel.context(point, points[p]);
  }
  return sum;
}

double GaussianProcess::novelty(const Point& point) const {
  // What a subgraph has to itself is known of the measured ones only, and no sign of extrapolation.
  const auto smooth = [&](const Point& a, const Point& b) {
    return kernel(a, b) - (a.subgraph == b.subgraph ? kernel.exact : 0);
  };
  const double own = smooth(point, point);
  double most = 0;
  for (const Point& p : points) {
    if (p.kind != point.kind) continue;
    const double likeness = smooth(point, p);
    most = std::max(most, likeness * std::abs(likeness) / (own * smooth(p, p)));
  }
  return 1 - most;
}

double GaussianProcess::variance(const Point& point) const {
  const double prior = kernel(point, point);
  double least = prior;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (points[p].kind != point.kind) continue;
    // Of what is known where point p is: slope times its variance, and what p does not tell.
    const double at_p = kernel(points[p], points[p]);
    const double slope = kernel(point, points[p]) / at_p;
    least = std::min(least, prior - slope * slope * at_p + slope * slope * variances[p]);
  }
  return std::max(least, 0.0);
}

GaussianProcess condition(const Kernel& kernel, std::span<const Point> points,
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
