#include "regression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

// GCC 12 sees uninitialised vectors in its own AVX-512 intrinsics (GCC bug 105593) wherever Eigen uses them.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <Eigen/Dense>

namespace assay {
namespace {

double dot(const Terms& a, const Terms& x) {
  return std::inner_product(a.begin(), a.end(), x.begin(), 0.0);
}

// Given A'A and A'b.
Eigen::VectorXd solve_nonnegative(const Eigen::MatrixXd& gram, const Eigen::VectorXd& moments) {
  const Eigen::Index n = gram.rows();
  const double tolerance = 1e-12 * std::max(1.0, gram.diagonal().maxCoeff());
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  std::vector<Eigen::Index> passive;
  // Each round lets one variable in; the bound stops cycling among variables that hardly differ.
  for (Eigen::Index round = 0; round < 3 * n; ++round) {
    const Eigen::VectorXd slope = moments - gram * x;
    Eigen::Index enter = -1;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (std::find(passive.begin(), passive.end(), i) != passive.end()) continue;
      if (slope[i] > tolerance && (enter < 0 || slope[i] > slope[enter])) enter = i;
    }
    if (enter < 0) break;
    passive.push_back(enter);
    while (!passive.empty()) {
      const auto m = static_cast<Eigen::Index>(passive.size());
      Eigen::MatrixXd sub(m, m);
      Eigen::VectorXd rhs(m);
      for (Eigen::Index i = 0; i < m; ++i) {
        rhs[i] = moments[passive[i]];
        for (Eigen::Index j = 0; j < m; ++j) sub(i, j) = gram(passive[i], passive[j]);
      }
      // A trace of ridge keeps collinear columns solvable.
      sub.diagonal().array() *= 1 + 1e-13;
      const Eigen::VectorXd z = sub.ldlt().solve(rhs);
      // The largest step towards z that keeps everything non-negative.
      double step = 1;
      for (Eigen::Index i = 0; i < m; ++i) {
        if (z[i] <= 0) step = std::min(step, x[passive[i]] / (x[passive[i]] - z[i]));
      }
      if (!std::isfinite(step)) step = 0;
      for (Eigen::Index i = 0; i < m; ++i) x[passive[i]] += step * (z[i] - x[passive[i]]);
      if (step == 1) break;
      std::erase_if(passive, [&](Eigen::Index i) {
        if (x[i] > 1e-15) return false;
        x[i] = 0;
        return true;
      });
    }
  }
  return x.cwiseMax(0);
}

// A face fitted to the rows of `rows`, with errors relative to `scales`.
Terms fit_face(std::span<const Terms> terms, std::span<const double> latencies,
               std::span<const double> scales, std::span<const int> rows) {
  std::vector<std::vector<double>> matrix;
  std::vector<double> targets;
  for (const int i : rows) {
    auto& row = matrix.emplace_back(terms[i].begin(), terms[i].end());
    for (double& x : row) x /= scales[i];
    targets.push_back(latencies[i] / scales[i]);
  }
  Terms face{};
  if (!matrix.empty()) std::ranges::copy(nonnegative_least_squares(matrix, targets), face.begin());
  return face;
}

// Errors are taken relative to the last round's prediction, not to the measurement: dividing by a noisy value
// would favour low predictions (the measurements that happen to be fast would weigh most).
std::vector<double> scales_of(const Roofline& roofline, std::span<const Terms> terms,
                              std::span<const double> latencies) {
  std::vector<double> scales;
  for (std::size_t i = 0; i < terms.size(); ++i)
    scales.push_back(std::max(roofline(terms[i]), latencies[i] / 10));
  return scales;
}

// Alternates from the start "the first `split` of the rows in order of memory per compute belong to face a".
Roofline alternate(std::span<const Terms> terms, std::span<const double> latencies,
                   std::span<const int> order, std::size_t split) {
  constexpr std::size_t fewest_rows = term_count;
  constexpr int most_rounds = 20;
  std::vector<int> a(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(split));
  std::vector<int> b(order.begin() + static_cast<std::ptrdiff_t>(split), order.end());
  std::vector<double> scales(latencies.begin(), latencies.end());
  Roofline best;
  double best_loss = std::numeric_limits<double>::infinity();
  for (int round = 0; round < most_rounds; ++round) {
    const bool one_face = b.empty();
    if (!one_face && (a.size() < fewest_rows || b.size() < fewest_rows)) break;
    Roofline current;
    current.a = fit_face(terms, latencies, scales, a);
    current.b = one_face ? current.a : fit_face(terms, latencies, scales, b);
    const double loss = log_loss(current, terms, latencies);
    // The second round is the first with unbiased weights.
    if (round > 1 && !(loss < best_loss)) break;
    best = current;
    best_loss = loss;
    scales = scales_of(best, terms, latencies);
    if (one_face) continue;
    a.clear();
    b.clear();
    for (const int i : order) (dot(best.a, terms[i]) >= dot(best.b, terms[i]) ? a : b).push_back(i);
  }
  return best;
}

}  // namespace

double Roofline::operator()(const Terms& x) const {
  return std::max(dot(a, x), dot(b, x));
}

const Terms& Roofline::active(const Terms& x) const {
  return dot(a, x) >= dot(b, x) ? a : b;
}

double log_loss(const Roofline& roofline, std::span<const Terms> terms, std::span<const double> latencies) {
  double sum = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const double error = std::log(std::max(roofline(terms[i]), smallest_latency) / latencies[i]);
    sum += error * error;
  }
  return sum / static_cast<double>(terms.size());
}

Roofline fit_roofline(std::span<const Terms> terms, std::span<const double> latencies) {
  const std::size_t n = terms.size();
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  const auto memory_per_compute = [&](int i) {
    return (terms[i][weight_bytes] + terms[i][excess_bytes]) / (terms[i][lane_cycles] + 1);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](int i, int j) { return memory_per_compute(i) < memory_per_compute(j); });

  Roofline best = alternate(terms, latencies, order, n);
  double best_loss = log_loss(best, terms, latencies);
  for (const std::size_t eighths : {1u, 2u, 4u, 6u, 7u}) {
    const Roofline candidate = alternate(terms, latencies, order, n * eighths / 8);
    const double loss = log_loss(candidate, terms, latencies);
    if (loss < best_loss) {
      best = candidate;
      best_loss = loss;
    }
  }
  return best;
}

std::vector<double> nonnegative_least_squares(std::span<const std::vector<double>> a,
                                              std::span<const double> b) {
  const std::size_t columns = a.empty() ? 0 : a.front().size();
  std::vector<double> largest(columns, 0.0);
  for (const std::vector<double>& row : a) {
    for (std::size_t c = 0; c < columns; ++c) largest[c] = std::max(largest[c], row[c]);
  }
  const auto n = static_cast<Eigen::Index>(columns);
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd moments = Eigen::VectorXd::Zero(n), x(n);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t c = 0; c < columns; ++c)
      x[static_cast<Eigen::Index>(c)] = largest[c] > 0 ? a[i][c] / largest[c] : 0;
    gram += x * x.transpose();
    moments += x * b[i];
  }
  const Eigen::VectorXd solution = solve_nonnegative(gram, moments);
  std::vector<double> out(columns, 0.0);
  for (std::size_t c = 0; c < columns; ++c)
    if (largest[c] > 0) out[c] = solution[static_cast<Eigen::Index>(c)] / largest[c];
  return out;
}

}  // namespace assay
