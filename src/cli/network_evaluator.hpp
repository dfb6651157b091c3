// How the search sees networks: decoded, estimated and scored on all cores.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/search/evaluator.hpp"
#include "assay/space/space.hpp"

#include "candidate_gate.hpp"
#include "score_service.hpp"

#include <utility>
#include <vector>

namespace assay::cli {

class NetworkEvaluator final : public Evaluator {
 public:
  // Without an estimator latency stays unknown, and memory is that of float32 activations. `estimator`,
  // `space` and `service` must outlive the object. `terms` and `weights` of the rank
  // score, one per score of the service; no weights: equal ones.
  NetworkEvaluator(const Space& space, const Estimator* estimator, ScoreService& service,
                   std::vector<RankTerm> terms, std::vector<double> weights);

  // `watch` is told how many of a batch are scored, one at a time, from any thread.
  void watch(ScoreService::Progress watch) { watch_ = std::move(watch); }

  std::span<const std::string> score_names() const override { return service_.settings().scores; }
  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override;
  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token stop) override;
  std::vector<double> rank(std::size_t count, const Column& column) override;

 private:
  const Space& space_;
  ScoreService& service_;
  std::vector<RankTerm> terms_;
  std::vector<double> weights_;
  ScoreService::Progress watch_;
  std::vector<CandidateGate> gates_;  // one per chunk of a batch
};

}  // namespace assay::cli
