#include "posterior.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

bool is_linear(std::span<const Observation> rows) {
  return std::ranges::all_of(rows, [](const Observation& row) { return row.parts.size() == 1; });
}

void set_weights(State& s, const Covariances& k, VectorXd weights, VectorXd context_weights) {
  s.weights = std::move(weights);
  s.context_weights = std::move(context_weights);
  s.alone = k.alone * s.weights;
  s.in_network = s.alone;
  if (s.context_weights.size() > 0) s.in_network += k.context * s.context_weights;
}

// Negative log posterior of the factors: squared residuals by their noise, and g' K^-1 g = weights' K
// weights.
double energy(const State& s, std::span<const ProcessPoint> points, std::span<const Observation> rows,
              const VectorXd& noise) {
  double sum = s.weights.dot(s.alone);
  if (s.context_weights.size() > 0) sum += s.context_weights.dot(s.in_network - s.alone);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const VectorXd& g = rows[i].network ? s.in_network : s.alone;
    double latency = 0;
    for (const Observation::Part& part : rows[i].parts)
      latency +=
          part.count * std::exp(points[static_cast<std::size_t>(part.point)].log_roofline + g[part.point]);
    sum += squared(std::log(rows[i].latency_ms / latency)) / noise[static_cast<Index>(i)];
  }
  return sum;
}

}  // namespace

Covariances covariances(const ProcessKernel& kernel, std::span<const ProcessPoint> points, bool context) {
  const auto n = static_cast<Index>(points.size());
  Covariances out{MatrixXd::Zero(n, n), MatrixXd::Zero(context ? n : 0, context ? n : 0)};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const ProcessPoint& a = points[static_cast<std::size_t>(i)];
      const ProcessPoint& b = points[static_cast<std::size_t>(j)];
      out.alone(i, j) = out.alone(j, i) = kernel(a, b);
      if (context) out.context(i, j) = out.context(j, i) = kernel.context(a, b);
    }
  }
  return out;
}

MatrixXd row_covariance(const Covariances& k, const Shares& shares, const Shares& network_shares,
                        const VectorXd& noise) {
  const MatrixXd right = k.alone * shares.transpose();
  MatrixXd out = shares * right;
  if (k.context.size() > 0) {
    const MatrixXd context = k.context * network_shares.transpose();
    out += network_shares * context;
  }
  out.diagonal() += noise;
  return out;
}

Linearised linearise(std::span<const ProcessPoint> points, std::span<const Observation> rows,
                     const VectorXd& alone, const VectorXd& in_network) {
  const auto n = static_cast<Index>(rows.size());
  const auto m = static_cast<Index>(points.size());
  std::vector<Eigen::Triplet<double>> all, networks;
  Linearised out{Shares(n, m), Shares(n, m), VectorXd(n)};
  for (Index i = 0; i < n; ++i) {
    const Observation& row = rows[static_cast<std::size_t>(i)];
    const VectorXd& g = row.network ? in_network : alone;
    const auto latency = [&](const Observation::Part& part) {
      return part.count * std::exp(points[static_cast<std::size_t>(part.point)].log_roofline + g[part.point]);
    };
    double sum = 0;
    for (const Observation::Part& part : row.parts) sum += latency(part);
    double offset = 0;
    for (const Observation::Part& part : row.parts) {
      const double share = latency(part) / sum;
      all.emplace_back(i, part.point, share);
      if (row.network) networks.emplace_back(i, part.point, share);
      offset += share * g[part.point];
    }
    out.target[i] = std::log(row.latency_ms) - std::log(sum) + offset;
  }
  out.shares.setFromTriplets(all.begin(), all.end());
  out.network_shares.setFromTriplets(networks.begin(), networks.end());
  return out;
}

bool has_context(std::span<const Observation> rows) {
  const auto networks = std::ranges::count_if(rows, &Observation::network);
  return networks > 0 && networks < std::ssize(rows);
}

VectorXd noise_of(const ProcessKernel& kernel, std::span<const Observation> rows) {
  VectorXd noise(std::ssize(rows));
  for (Index i = 0; i < noise.size(); ++i)
    noise[i] = kernel.noise / rows[static_cast<std::size_t>(i)].weight + jitter;
  return noise;
}

State settle(const Covariances& k, std::span<const ProcessPoint> points, std::span<const Observation> rows,
             const VectorXd& noise) {
  constexpr int most_steps = 20;
  constexpr double least_step = 1.0 / 64;
  constexpr double small = 1e-6;
  const auto m = static_cast<Index>(points.size());
  const auto context = k.context.size() > 0 ? m : 0;
  State s;
  set_weights(s, k, VectorXd::Zero(m), VectorXd::Zero(context));
  const int steps = is_linear(rows) ? 1 : most_steps;
  double now = energy(s, points, rows, noise);
  for (int step = 0; step < steps; ++step) {
    s.rows = linearise(points, rows, s.alone, s.in_network);
    s.factor.compute(row_covariance(k, s.rows.shares, s.rows.network_shares, noise));
    const VectorXd alpha = s.factor.solve(s.rows.target);
    const VectorXd weights = s.rows.shares.transpose() * alpha;
    VectorXd context_weights = VectorXd::Zero(context);
    if (context > 0) context_weights = s.rows.network_shares.transpose() * alpha;
    const State before = s;
    double after = 0;
    for (double part = 1; part >= least_step; part /= 2) {
      set_weights(s, k, before.weights + part * (weights - before.weights),
                  before.context_weights + part * (context_weights - before.context_weights));
      after = energy(s, points, rows, noise);
      if (after < now) break;
    }
    if (!(after < now - small)) break;
    now = after;
  }
  return s;
}

}  // namespace assay
