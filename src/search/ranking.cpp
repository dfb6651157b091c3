#include "ranking.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <iterator>

namespace assay {

std::vector<int> sample_of(const Cohort& cohort, std::span<const int> front) {
  const bool few = cohort.size() <= most_sampled;
  const int recent = few ? 0 : cohort.size() - most_sampled / 2;
  int stride = 1;
  while (recent / stride >= most_sampled / 2) stride *= 2;
  std::vector<int> spread;
  for (int e = 0; e < recent; e += stride) spread.push_back(e);
  for (int e = recent; e < cohort.size(); ++e) spread.push_back(e);

  std::vector<int> sample;
  sample.reserve(spread.size() + front.size());
  std::ranges::set_union(spread, front, std::back_inserter(sample));
  return sample;
}

RankedSample rank_sample(Evaluator& evaluator, Cohort& cohort, std::span<const int> sample, Metric cost) {
  RankedSample ranked;
  std::vector<std::span<const double>> scores;
  std::vector<double*> fitness;
  cohort.visit(sample, [&](const Cohort::Entry& entry) {
    if (!cohort.good(entry.evaluation)) return;
    ranked.evaluations.push_back(entry.evaluation);
    ranked.points.push_back({.score = 0, .cost = metric_value(entry.costs, cost)});
    scores.push_back(entry.scores);
    fitness.push_back(&entry.fitness);
  });
  if (scores.empty()) return ranked;
  const std::vector<double> ranks = evaluator.rank(scores.size(), [&](std::size_t score) {
    std::vector<double> column;
    column.reserve(scores.size());
    for (const auto row : scores) column.push_back(row[score]);
    return column;
  });
  if (ranks.size() != scores.size()) throw InternalError("A rank score is missing.");
  for (std::size_t i = 0; i < ranks.size(); ++i) ranked.points[i].score = *fitness[i] = ranks[i];
  return ranked;
}

std::vector<int> AllEvaluations::good() const {
  std::vector<int> good;
  good.reserve(static_cast<std::size_t>(cohort_.size()));
  for (int e = 0; e < cohort_.size(); ++e) {
    if (cohort_.good(e)) good.push_back(e);
  }
  return good;
}

// A column of the whole run is made in place: eight bytes a candidate.
template <class OfHeld, class Read>
std::vector<double> AllEvaluations::column(OfHeld&& of_held, Read&& read) const {
  std::vector<double> values(static_cast<std::size_t>(cohort_.size()));
  if (cohort_.holds_all()) {
    for (int e = 0; e < cohort_.size(); ++e) values[static_cast<std::size_t>(e)] = of_held(e);
  } else if (journal_ != nullptr) {
    read(std::span(values));
  } else {
    throw InternalError("A search forgot evaluations that no journal keeps.");
  }
  std::size_t kept = 0;
  for (int e = 0; e < cohort_.size(); ++e) {
    if (cohort_.good(e)) values[kept++] = values[static_cast<std::size_t>(e)];
  }
  values.resize(kept);
  return values;
}

std::vector<double> AllEvaluations::scores(std::size_t score) const {
  return column([&](int e) { return cohort_.scores(e)[score]; },
                [&](std::span<double> values) { journal_->read_scores(score, values); });
}

std::vector<double> AllEvaluations::costs(Metric metric) const {
  return column([&](int e) { return metric_value(cohort_.costs(e), metric); },
                [&](std::span<double> values) { journal_->read_costs(metric, values); });
}

}  // namespace assay
