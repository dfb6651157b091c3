#include "assay/score/rank_fit.hpp"

#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/score/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

// GCC 12 sees uninitialised vectors in its own AVX-512 intrinsics (GCC bug 105593) wherever Eigen uses them.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Dense>
#include <fmt/format.h>

namespace assay {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Log(1 + exp(-z)) without overflow.
double loss_of(double z) {
  return std::log1p(std::exp(-std::abs(z))) + std::max(0.0, -z);
}

// 1 / (1 + exp(z)): how wrong a pair is.
double doubt_of(double z) {
  return 1 / (1 + std::exp(z));
}

// The rows of a fit and their order.
struct Known {
  MatrixXd x;
  VectorXd accuracy;

  Known(MatrixXd rows, VectorXd values) : x(std::move(rows)), accuracy(std::move(values)) {
    for (Index i = 0; i < accuracy.size(); ++i)
      for (Index j = 0; j < i; ++j) pairs_ += accuracy[i] != accuracy[j];
  }

  Index size() const { return accuracy.size(); }
  Index pairs() const { return pairs_; }

  Known without(const std::vector<Index>& held_out) const {
    std::vector<Index> kept;
    for (Index i = 0; i < size(); ++i)
      if (std::ranges::find(held_out, i) == held_out.end()) kept.push_back(i);
    return {MatrixXd(x(kept, Eigen::all)), VectorXd(accuracy(kept))};
  }

 private:
  Index pairs_ = 0;
};

struct Objective {
  double value = 0;
  VectorXd gradient;
  MatrixXd hessian;
};

// The mean loss of all pairs of unequal accuracy. Its derivatives are those of a graph whose edges are the
// pairs: x^T (graph Laplacian) x costs rows^2 x scores instead of pairs x scores^2.
Objective pairwise_loss(const Known& known, const VectorXd& weights) {
  const VectorXd score = known.x * weights;
  const Index n = known.size();
  VectorXd pull = VectorXd::Zero(n);
  MatrixXd laplacian = MatrixXd::Zero(n, n);
  Objective result;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      if (known.accuracy[i] == known.accuracy[j]) continue;
      const double sign = known.accuracy[i] > known.accuracy[j] ? 1 : -1;
      const double z = sign * (score[i] - score[j]);
      const double doubt = doubt_of(z);
      result.value += loss_of(z);
      pull[i] -= sign * doubt;
      pull[j] += sign * doubt;
      const double curvature = doubt * (1 - doubt);
      laplacian(i, j) = laplacian(j, i) = -curvature;
      laplacian(i, i) += curvature;
      laplacian(j, j) += curvature;
    }
  }
  const auto pairs = static_cast<double>(std::max<Index>(1, known.pairs()));
  result.value /= pairs;
  result.gradient = known.x.transpose() * pull / pairs;
  result.hessian = known.x.transpose() * (laplacian * known.x) / pairs;
  return result;
}

// Minimises gradient . (v - from) + (v - from)^T hessian (v - from) / 2 over v >= 0, one coordinate after the
// other. The matrix is positive definite, so this converges.
VectorXd non_negative_step(const Objective& at, const VectorXd& from) {
  VectorXd v = from;
  VectorXd slope = at.gradient;  // of the quadratic at v
  for (int sweep = 0; sweep < 1000; ++sweep) {
    double change = 0;
    for (Index k = 0; k < v.size(); ++k) {
      const double next = std::max(0.0, v[k] - slope[k] / at.hessian(k, k));
      const double step = next - v[k];
      if (step == 0) continue;
      slope += step * at.hessian.col(k);
      v[k] = next;
      change = std::max(change, std::abs(step));
    }
    if (change < 1e-10) break;
  }
  return v;
}

// Newton's method on the mean loss plus shrinkage towards `expected`, where it begins.
VectorXd fit(const Known& known, const VectorXd& expected) {
  const double shrinkage = fit_shrinkage / static_cast<double>(std::max<Index>(1, known.pairs()));
  const auto penalised = [&](const VectorXd& w) {
    Objective result = pairwise_loss(known, w);
    result.value += shrinkage * (w - expected).squaredNorm();
    result.gradient += 2 * shrinkage * (w - expected);
    result.hessian.diagonal().array() += 2 * shrinkage;
    return result;
  };
  VectorXd weights = expected;
  Objective here = penalised(weights);
  for (int iteration = 0; iteration < 100; ++iteration) {
    const VectorXd step = non_negative_step(here, weights) - weights;
    if (step.lpNorm<Eigen::Infinity>() < 1e-7) break;
    double length = 1;
    Objective there = penalised(weights + step);
    while (there.value > here.value + 1e-4 * length * here.gradient.dot(step) && length > 1e-6) {
      length /= 2;
      there = penalised(weights + length * step);
    }
    if (there.value >= here.value) break;
    weights += length * step;
    here = std::move(there);
  }
  return weights;
}

// The score of every row by a fit that has not seen it: rows are left out one by one when there are few, in
// groups otherwise.
VectorXd predict_left_out(const Known& known, const VectorXd& expected) {
  constexpr Index most_groups = 50;
  const Index n = known.size();
  const Index groups = n <= most_groups ? n : 16;
  VectorXd predictions = VectorXd::Zero(n);
  for (Index group = 0; group < groups; ++group) {
    std::vector<Index> held_out;
    for (Index i = group; i < n; i += groups) held_out.push_back(i);
    const VectorXd weights = fit(known.without(held_out), expected);
    for (const Index i : held_out) predictions[i] = known.x.row(i).dot(weights);
  }
  return predictions;
}

// How far apart two rows usually are: the median, which the few networks far behind all others do not move.
double typical_difference(const VectorXd& values) {
  std::vector<double> differences;
  for (Index i = 0; i < values.size(); ++i)
    for (Index j = 0; j < i; ++j) differences.push_back(std::abs(values[i] - values[j]));
  const auto middle = differences.begin() + std::ssize(differences) / 2;
  std::ranges::nth_element(differences, middle);
  return *middle > 0 ? *middle : 1;
}

// At most max_fit_rows of them, in the order of the file.
std::vector<Index> drawn_rows(std::size_t count, std::uint64_t seed) {
  std::vector<Index> rows(count);
  std::iota(rows.begin(), rows.end(), Index{0});
  if (count <= max_fit_rows) return rows;
  Random random(seed, Purpose::split, count);
  for (std::size_t i = 0; i < max_fit_rows; ++i) std::swap(rows[i], rows[i + random.below(count - i)]);
  rows.resize(max_fit_rows);
  std::ranges::sort(rows);
  return rows;
}

}  // namespace

std::vector<double> rank_addends(std::span<const ScoreRecord> records, std::span<const RankTerm> terms) {
  const std::size_t scores = terms.size();
  std::vector<double> result(records.size() * scores, std::numeric_limits<double>::quiet_NaN());
  std::vector<std::size_t> complete;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& values = records[i].values;
    if (values.size() == scores && assay::complete(values)) complete.push_back(i);
  }
  for (std::size_t k = 0; k < scores; ++k) {
    RankArchive column({terms[k]});
    for (const std::size_t i : complete) column.add(std::span(records[i].values).subspan(k, 1));
    const std::vector<double> column_terms = column.scores();
    for (std::size_t row = 0; row < complete.size(); ++row)
      result[complete[row] * scores + k] = column_terms[row];
  }
  return result;
}

RankFit fit_rank_weights(std::span<const double> addends, std::size_t terms, std::span<const double> accuracy,
                         std::uint64_t seed, const RankPrior& prior) {
  if (terms == 0 || addends.size() != terms * accuracy.size())
    throw InternalError("The addends of the rank score do not belong to the accuracies.");
  for (const auto* each : {&prior.weights, &prior.corrections})
    if (!each->empty() && each->size() != terms)
      throw InternalError("The prior of the weights has another number of terms than the rank score.");
  if (accuracy.size() < min_fit_rows)
    throw InputError(
        fmt::format("Weights cannot be learned from {} known accuracies. Give at least {}; 20 to "
                    "50 are worth the work.",
                    accuracy.size(), min_fit_rows));
  const std::vector<Index> rows = drawn_rows(accuracy.size(), seed);
  const auto columns = static_cast<Index>(terms);
  VectorXd prior_weights = VectorXd::Ones(columns);
  std::ranges::copy(prior.weights, prior_weights.begin());
  VectorXd expected = VectorXd::Zero(1 + columns);
  expected[0] = prior.log_odds;
  std::ranges::copy(prior.corrections, expected.begin() + 1);
  // The prior score, its typical difference being 1, then every addend.
  MatrixXd x(static_cast<Index>(rows.size()), 1 + columns);
  VectorXd y(x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    const auto row = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
    for (std::size_t k = 0; k < terms; ++k) x(i, 1 + static_cast<Index>(k)) = addends[row * terms + k];
    y[i] = accuracy[row];
  }
  x.col(0) = x.rightCols(columns) * prior_weights;
  const double unit = typical_difference(x.col(0));
  x.col(0) /= unit;
  const Known known(std::move(x), std::move(y));
  if (known.pairs() == 0)
    throw InputError(
        fmt::format("Weights cannot be learned: all {} known accuracies are equal.", accuracy.size()));

  const VectorXd weights = fit(known, expected);
  const VectorXd best = weights[0] / unit * prior_weights + weights.tail(columns);
  if (!(best.sum() > 1e-6))
    throw InputError(
        "Weights cannot be learned: none of the scores agrees with the known accuracies, not even weakly. "
        "Check that higher means better in the accuracy column, or ask for other --scores.");
  RankFit result;
  result.rows = static_cast<int>(known.size());
  const VectorXd predictions = predict_left_out(known, expected);
  result.cross_validated_spearman =
      spearman(std::vector<double>(predictions.begin(), predictions.end()),
               std::vector<double>(known.accuracy.begin(), known.accuracy.end()));
  for (const double weight : best) result.weights.push_back(weight < 1e-6 * best.sum() ? 0 : weight);
  return result;
}

}  // namespace assay
