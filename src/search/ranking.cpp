#include "ranking.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

namespace assay {

std::vector<int> sample_of(const Cohort& cohort, std::span<const int> front) {
  std::vector<int> sample(front.begin(), front.end());
  const bool few = cohort.size() <= most_sampled;
  const int recent = few ? 0 : cohort.size() - most_sampled / 2;
  int stride = 1;
  while (recent / stride >= most_sampled / 2) stride *= 2;
  for (int e = 0; e < recent; e += stride) sample.push_back(e);
  for (int e = recent; e < cohort.size(); ++e) sample.push_back(e);
  std::ranges::sort(sample);
  const auto repeated = std::ranges::unique(sample);
  sample.erase(repeated.begin(), repeated.end());
  return sample;
}

std::vector<double> rank_held(Evaluator& evaluator, const Cohort& cohort, std::span<const int> evaluations) {
  std::vector<double> ranks = evaluator.rank(evaluations.size(), [&](std::size_t score) {
    std::vector<double> values;
    values.reserve(evaluations.size());
    for (const int e : evaluations) values.push_back(cohort.scores(e)[score]);
    return values;
  });
  if (ranks.size() != evaluations.size()) throw InternalError("A rank score is missing.");
  return ranks;
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
