// Parts of the signature that decide: short searches, curation and advice, all with what is read off a
// network.
#include "assay/base/error.hpp"
#include "assay/curate/curate.hpp"
#include "assay/rewrite/plan.hpp"
#include "assay/score/score.hpp"
#include "assay/search/search.hpp"

#include "network_evaluator.hpp"
#include "score_service.hpp"
#include "shipped_texts.hpp"
#include "signature.hpp"

#include <limits>

namespace assay::cli {
namespace {

Estimator cycle_model() {
  return Estimator::of_cycle_model(
      Accelerator::parse(shipped_text(shipped_accelerators(), "edge_npu_16"), "edge_npu_16"));
}

Space space_of(std::string_view name) {
  return Space::parse(shipped_text(shipped_spaces(), name), std::string(name));
}

ScoreSettings capacity_alone() {
  ScoreSettings settings;
  settings.scores = {"capacity"};
  return settings;
}

// Decisions between candidates that are equal but for the last bits would depend on these.
class RoundedEvaluator final : public Evaluator {
 public:
  explicit RoundedEvaluator(Evaluator& exact) : exact_(exact) {}

  std::span<const std::string> score_names() const override { return exact_.score_names(); }
  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override {
    exact_.gate(candidates, results);
    for (GateResult& result : results) result.costs.latency_ms = rounded(result.costs.latency_ms);
  }
  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token stop) override {
    const std::size_t done = exact_.score(candidates, rows, std::move(stop));
    for (ScoreRow& row : rows)
      for (double& score : row.scores) score = rounded(score);
    return done;
  }
  std::vector<double> rank(std::size_t count, const Column& column) override {
    return exact_.rank(count, column);
  }

 private:
  Evaluator& exact_;
};

}  // namespace

void add_search(Signature& signature, std::string_view name, WorkerPool& pool) {
  const Space space = space_of(name);
  const Estimator estimator = cycle_model();
  ScoreService service(capacity_alone(), pool.size(), {}, std::nullopt, true);
  NetworkEvaluator exact(space, &estimator, service, rank_terms(service.settings().scores), {});
  RoundedEvaluator evaluator(exact);
  SearchSettings settings;
  settings.strategy.seed = 1;
  settings.strategy.population = 24;
  settings.generation = 16;
  settings.evaluations = 160;
  const SearchResult result = run_search(space, evaluator, settings);
  signature.add(result.counts.proposed);
  signature.add(result.counts.duplicates);
  for (int e = 0; e < result.cohort.size(); ++e) signature.add(result.cohort.fingerprint(e));
  for (const int e : result.front) signature.add(e);
  for (const int e : result.shortlist) {
    signature.add(to_text(space, result.cohort.candidate(e)));
    signature.add(result.rank_scores[static_cast<std::size_t>(e)]);
  }
}

void add_curation(Signature& signature, std::string_view name) {
  CurationSettings settings;
  settings.contexts = 16;
  const SpaceFile file(std::string(shipped_text(shipped_spaces(), name)), std::string(name));
  const Curation curation = curate(file, cycle_model(), settings);
  signature.add(curation.lanes.lanes);
  for (const CuratedDecision& decision : curation.decisions) {
    for (const std::string& text : decision.decisions) signature.add(text);
    for (const std::string& text : decision.after) signature.add(text);
  }
}

void add_advice(Signature& signature, std::string_view name, WorkerPool& pool) {
  const Space space = space_of(name);
  Random random(1, Purpose::sample, 0, 0);
  const Network network = space.decode(space.sample(random));
  const Scorer scorer(capacity_alone());
  const ScoreNetworks scores = [&](std::span<const Network* const> networks) {
    std::vector<NetworkScore> result(networks.size());
    pool.run(std::ssize(networks), [&](Worker& worker, std::int64_t index) {
      const auto i = static_cast<std::size_t>(index);
      const ScoreRecord record = scorer.score(worker, *networks[i]);
      result[i] = {.score = rounded(record.values[0]), .values = record.values, .status = record.status};
    });
    return result;
  };
  RewriteSettings settings;
  settings.beam = 3;
  settings.max_steps = 3;
  const RewritePlan plan =
      plan_rewrites(network, cycle_model(), {.quick = scores, .exact = scores}, settings);
  for (const Trial& trial : plan.taken) signature.add(trial.step.text());
  signature.add(fingerprint(plan.network));
  signature.add(plan.result().latency_ms);
  signature.add(plan.result().score);
  for (const Trial& trial : plan.rejected) {
    signature.add(trial.step.text());
    signature.add(to_string(trial.verdict));
  }
}

}  // namespace assay::cli
