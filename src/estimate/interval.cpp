#include "interval.hpp"

#include "assay/base/random.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

constexpr std::size_t fewest_for_quantiles = 20;  // of 5 and 95 %

// Split-conformal quantiles (Lei et al. 2018, "Distribution-free predictive inference for regression"): the
// order statistics that cover a new value of the same kind with the asked probability.
Interval quantiles(std::vector<double> scores, double coverage) {
  std::sort(scores.begin(), scores.end());
  const auto n = static_cast<double>(scores.size());
  const double tail = (1 - coverage) / 2;
  const double rank = std::min(std::ceil((n + 1) * (1 - tail)), n);
  const auto high = static_cast<std::size_t>(rank) - 1;
  return {std::min(0.0, scores[scores.size() - 1 - high]), std::max(0.0, scores[high])};
}

// What scales the relative error of a row: the root of its subgraphs' summed variances, by its latency.
double deviation_of(const Estimator::Model& model, const Problem& problem, const Observation& row) {
  double variance = 0, latency = 0;
  for (const Observation::Part& part : row.parts) {
    const Unit& unit = problem.units[static_cast<std::size_t>(part.point)];
    const SubgraphValue value =
        model.value_of(unit.subgraph, row.network ? Setting::in_network : Setting::alone);
    variance += part.count * value.variance;
    latency += part.count * value.latency_ms;
  }
  return std::sqrt(variance) / latency;
}

std::vector<double> scores_of_rows(const Estimator::Model& model, const Problem& problem,
                                   const std::vector<double>& unseen, std::size_t begin, std::size_t end) {
  std::vector<double> scores;
  for (std::size_t i = begin; i < end; ++i)
    scores.push_back(std::log(problem.rows[i].latency_ms / unseen[i]) /
                     deviation_of(model, problem, problem.rows[i]));
  return scores;
}

// Sums of as many random rows as a network has subgraphs stand in for networks that nobody measured. All rows
// of a sum are of one fold: what its model has wrong then stays wrong in the sum, as it will in a network,
// where the mistakes of several models would cancel out.
std::vector<double> scores_of_sums(const Estimator::Model& model, const Problem& problem,
                                   const std::vector<double>& unseen, std::uint64_t seed) {
  constexpr int sums = 400;
  constexpr int subgraphs_per_network = 40;
  std::vector<double> deviations;
  std::vector<std::vector<std::size_t>> folds(static_cast<std::size_t>(std::ranges::max(problem.folds)) + 1);
  for (std::size_t i = 0; i < problem.subgraph_rows(); ++i) {
    deviations.push_back(deviation_of(model, problem, problem.rows[i]));
    folds[static_cast<std::size_t>(problem.folds[i])].push_back(i);
  }
  std::erase_if(folds, [](const auto& rows) { return rows.empty(); });
  std::vector<double> scores;
  for (std::uint64_t i = 0; i < sums; ++i) {
    Random random(seed, Purpose::bootstrap, 0, i);
    const std::vector<std::size_t>& rows = folds[random.below(folds.size())];
    double measured = 0, predicted = 0, variance = 0;
    for (int draw = 0; draw < subgraphs_per_network; ++draw) {
      const std::size_t row = rows[random.below(rows.size())];
      measured += problem.rows[row].latency_ms;
      predicted += unseen[row];
      variance += squared(deviations[row] * unseen[row]);
    }
    scores.push_back(std::log(measured / predicted) * predicted / std::sqrt(variance));
  }
  return scores;
}

}  // namespace

void set_intervals(Estimator::Model& model, const Problem& problem, const std::vector<double>& unseen,
                   std::uint64_t seed) {
  const std::size_t subgraphs = problem.subgraph_rows(), rows = problem.rows.size();
  model.of_network = quantiles(problem.networks >= fewest_for_quantiles
                                   ? scores_of_rows(model, problem, unseen, subgraphs, rows)
                                   : scores_of_sums(model, problem, unseen, seed),
                               model.coverage);
  model.of_subgraph = subgraphs >= fewest_for_quantiles
                          ? quantiles(scores_of_rows(model, problem, unseen, 0, subgraphs), model.coverage)
                          : model.of_network;
}

}  // namespace assay
