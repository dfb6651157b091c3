#include "assay/curate/convergence.hpp"

#include "assay/base/error.hpp"
#include "assay/runtime/runtime.hpp"
#include "assay/score/score.hpp"
#include "assay/search/search.hpp"

#include "cost_model.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <unordered_map>

namespace assay {
namespace {

using curation::CostModel;

constexpr int kSampled = 300;  // for the median latency

// Gates and the capacity score from one thread; remembers both from seed to seed.
class CapacityEvaluator final : public Evaluator {
 public:
  CapacityEvaluator(const Space& space, const Estimator& estimator)
      : model_(space, estimator), scorer_({.scores = names_}) {}

  std::span<const std::string> score_names() const override { return names_; }

  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto& costs = model_.costs(candidates[i]);
      results[i] = {};
      if (!costs) {
        results[i].failure = "cannot be built";
        continue;
      }
      results[i].fingerprint = costs->fingerprint;
      results[i].costs = {.params = costs->params,
                          .macs = costs->macs,
                          .peak_memory_bytes = 0,
                          .latency_ms = costs->latency_ms,
                          .latency_low_ms = costs->latency_ms,
                          .latency_high_ms = costs->latency_ms,
                          .extrapolated = costs->extrapolated};
    }
  }

  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token) override {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const std::uint64_t fingerprint = model_.costs(candidates[i])->fingerprint;
      auto [known, added] = scores_.try_emplace(fingerprint);
      if (added) {
        const Network network = curation::executed_network(model_.space(), candidates[i]);
        known->second = scorer_.score(worker_, network).values.at(0);
      }
      rows[i] = {.scores = {known->second}, .status = {}, .seconds = 0};
    }
    return candidates.size();
  }

  std::vector<double> rank(std::size_t, const Column& column) override { return column(0); }

 private:
  std::vector<std::string> names_ = {"capacity"};
  CostModel model_;
  Scorer scorer_;
  Worker worker_;
  std::unordered_map<std::uint64_t, double> scores_;
};

// The best score so far after each evaluation.
using Trace = std::vector<double>;

std::vector<Trace> run_searches(const Space& space, const Estimator& estimator,
                                const ConvergenceSettings& settings, double max_latency_ms) {
  CapacityEvaluator evaluator(space, estimator);
  std::vector<Trace> traces;
  for (int i = 0; i < settings.seeds; ++i) {
    SearchSettings search;
    search.strategy.seed = settings.seed + static_cast<std::uint64_t>(i);
    search.budget.set(Metric::latency, max_latency_ms);
    search.evaluations = settings.evaluations;
    search.shortlist = 1;
    Trace trace;
    const SearchResult result = run_search(space, evaluator, search);
    for (int e = 0; e < result.cohort.size(); ++e) {
      const double score =
          result.cohort.good(e) ? result.cohort.scores(e)[0] : -std::numeric_limits<double>::infinity();
      trace.push_back(trace.empty() ? score : std::max(trace.back(), score));
    }
    traces.push_back(std::move(trace));
  }
  return traces;
}

SpaceConvergence judge(const std::vector<Trace>& traces, double target, int budget) {
  SpaceConvergence result;
  std::vector<double> evaluations;
  for (const Trace& trace : traces) {
    const auto at = std::ranges::lower_bound(trace, target);
    const bool reached = at != trace.end();
    result.evaluations.push_back(reached ? static_cast<int>(at - trace.begin()) + 1 : 0);
    evaluations.push_back(reached ? result.evaluations.back() : budget + 1);
    result.reached += reached ? 1 : 0;
    result.best.push_back(trace.back());
  }
  result.median_evaluations = curation::median(std::move(evaluations));
  result.median_best = curation::median(result.best);
  return result;
}

double median_latency(const Space& space, const Estimator& estimator, std::uint64_t seed) {
  CostModel model(space, estimator);
  std::vector<double> latencies;
  for (int i = 0; i < kSampled; ++i) {
    const auto& costs = model.costs(curation::draw(space, seed, static_cast<std::uint64_t>(i)));
    if (costs) latencies.push_back(costs->latency_ms);
  }
  return curation::median(std::move(latencies));
}

}  // namespace

Convergence measure_convergence(const Space& original, const Space& curated, const Estimator& estimator,
                                const ConvergenceSettings& settings) {
  Convergence result;
  result.budget = settings.evaluations;
  result.max_latency_ms = settings.max_latency_ms > 0 ? settings.max_latency_ms
                                                      : median_latency(original, estimator, settings.seed);
  const std::vector<Trace> before = run_searches(original, estimator, settings, result.max_latency_ms);
  std::vector<double> best;
  for (const Trace& trace : before) best.push_back(trace.back());
  std::ranges::sort(best, std::greater{});
  result.target = best[best.size() / 2];  // the 11th best of 20
  result.original = judge(before, result.target, result.budget);
  try {
    result.curated = judge(run_searches(curated, estimator, settings, result.max_latency_ms), result.target,
                           result.budget);
  } catch (const InputError&) {
    // Nothing in the curated space meets the budget.
    result.curated.evaluations.assign(before.size(), 0);
    result.curated.median_evaluations = result.budget + 1;
    result.curated.median_best = std::numeric_limits<double>::quiet_NaN();
  }
  return result;
}

}  // namespace assay
