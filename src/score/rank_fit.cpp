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

using Eigen::ArrayXd;
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

// Newton's method on the loss plus shrinkage |w - centre|^2.
VectorXd minimise(const Known& known, const VectorXd& centre, double shrinkage, VectorXd weights) {
  const auto penalised = [&](const VectorXd& w) {
    Objective result = pairwise_loss(known, w);
    result.value += shrinkage * (w - centre).squaredNorm();
    result.gradient += 2 * shrinkage * (w - centre);
    result.hessian.diagonal().array() += 2 * shrinkage;
    return result;
  };
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

// s p: the prior weights at the scale that fits best.
VectorXd scaled(const VectorXd& prior, const Known& known) {
  const Known sum(known.x * prior, known.accuracy);
  // One weight needs no shrinkage but where it orders all rows as they are: then it would grow for ever.
  constexpr double barely = 1e-4;
  return minimise(sum, VectorXd::Zero(1), barely, VectorXd::Ones(1))[0] * prior;
}

VectorXd fit(const Known& known, const VectorXd& prior, double shrinkage, const VectorXd& start) {
  return minimise(known, scaled(prior, known), shrinkage, start);
}

// What fits say about rows that they have not seen.
struct Validation {
  ArrayXd losses;        // of every row, the mean over its pairs with the rows of the fit
  VectorXd predictions;  // the rank score of every row
};

// Leaves groups of rows out in turn: every row alone when there are few.
Validation cross_validate(const Known& known, const VectorXd& prior, double shrinkage,
                          const VectorXd& start) {
  constexpr Index most_groups = 50;
  const Index n = known.size();
  const Index groups = n <= most_groups ? n : 16;
  Validation result{ArrayXd::Zero(n), VectorXd::Zero(n)};
  for (Index group = 0; group < groups; ++group) {
    std::vector<Index> held_out;
    for (Index i = group; i < n; i += groups) held_out.push_back(i);
    const Known kept = known.without(held_out);
    if (kept.pairs() == 0) continue;
    const VectorXd weights = fit(kept, prior, shrinkage, start);
    const VectorXd score = kept.x * weights;
    for (const Index i : held_out) {
      result.predictions[i] = known.x.row(i).dot(weights);
      Index pairs = 0;
      for (Index j = 0; j < kept.size(); ++j) {
        if (kept.accuracy[j] == known.accuracy[i]) continue;
        const double sign = known.accuracy[i] > kept.accuracy[j] ? 1 : -1;
        result.losses[i] += loss_of(sign * (result.predictions[i] - score[j]));
        ++pairs;
      }
      result.losses[i] /= static_cast<double>(std::max<Index>(1, pairs));
    }
  }
  return result;
}

// Whether the first is not worse than the second, as far as so few rows can tell: by less than the standard
// error of the difference (Breiman et al. 1984, the rule of one standard error).
bool is_as_good(const ArrayXd& losses, const ArrayXd& least) {
  const ArrayXd excess = losses - least;
  const auto n = static_cast<double>(excess.size());
  const double mean = excess.mean();
  return mean <= std::sqrt((excess - mean).square().mean() / n);
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

std::vector<double> log_ranks(std::span<const ScoreRecord> records, std::span<const RankTerm> terms) {
  const std::size_t scores = terms.size();
  std::vector<double> result(records.size() * scores, std::numeric_limits<double>::quiet_NaN());
  std::vector<std::size_t> complete;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& values = records[i].values;
    if (values.size() == scores && std::ranges::all_of(values, [](double v) { return std::isfinite(v); }))
      complete.push_back(i);
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

RankFit fit_rank_weights(std::span<const double> log_ranks, std::size_t scores,
                         std::span<const double> accuracy, std::uint64_t seed,
                         std::span<const double> prior) {
  if (scores == 0 || log_ranks.size() != scores * accuracy.size())
    throw InternalError("The log-ranks do not belong to the accuracies.");
  if (!prior.empty() && prior.size() != scores)
    throw InternalError("There is another number of prior weights than of scores.");
  if (accuracy.size() < min_fit_rows)
    throw InputError(
        fmt::format("Weights cannot be learned from {} known accuracies. Give at least {}; 20 to "
                    "50 are worth the work.",
                    accuracy.size(), min_fit_rows));
  const std::vector<Index> rows = drawn_rows(accuracy.size(), seed);
  MatrixXd x(static_cast<Index>(rows.size()), static_cast<Index>(scores));
  VectorXd y(x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    const auto row = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
    for (std::size_t k = 0; k < scores; ++k) x(i, static_cast<Index>(k)) = log_ranks[row * scores + k];
    y[i] = accuracy[row];
  }
  const Known known(std::move(x), std::move(y));
  if (known.pairs() == 0)
    throw InputError(
        fmt::format("Weights cannot be learned: all {} known accuracies are equal.", accuracy.size()));

  VectorXd prior_weights = VectorXd::Ones(known.x.cols());
  for (std::size_t k = 0; k < prior.size(); ++k) prior_weights[static_cast<Index>(k)] = prior[k];
  prior_weights /= prior_weights.mean();

  RankFit result;
  result.rows = static_cast<int>(known.size());
  struct Trial {
    double shrinkage;
    VectorXd weights;
    Validation validation;
  };
  std::vector<Trial> trials;
  for (const double shrinkage : {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0}) {
    VectorXd weights = fit(known, prior_weights, shrinkage, VectorXd::Zero(known.x.cols()));
    Validation validation = cross_validate(known, prior_weights, shrinkage, weights);
    trials.push_back({shrinkage, std::move(weights), std::move(validation)});
  }
  const auto mean_loss = [](const Trial& trial) { return trial.validation.losses.mean(); };
  const ArrayXd& least = std::ranges::min_element(trials, {}, mean_loss)->validation.losses;
  const Trial& chosen = *std::find_if(trials.rbegin(), trials.rend(), [&](const Trial& trial) {
    return is_as_good(trial.validation.losses, least);
  });
  result.shrinkage = chosen.shrinkage;
  const std::vector<double> left_out(chosen.validation.predictions.begin(),
                                     chosen.validation.predictions.end());
  const std::vector<double> truth(known.accuracy.begin(), known.accuracy.end());
  result.cross_validated_spearman = spearman(left_out, truth);
  const VectorXd& best = chosen.weights;
  const double sum = best.sum();
  if (!(sum > 1e-6))
    throw InputError(
        "Weights cannot be learned: none of the scores agrees with the known accuracies, not even weakly. "
        "Check that higher means better in the accuracy column, or ask for other --scores.");
  for (const double weight : best) {
    const double scaled = weight / sum * static_cast<double>(scores);
    result.weights.push_back(scaled < 1e-6 ? 0 : scaled);
  }
  return result;
}

}  // namespace assay
