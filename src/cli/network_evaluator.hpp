// How the search sees networks: decoded, estimated and scored on all cores.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/runtime/runtime.hpp"
#include "assay/score/score.hpp"
#include "assay/search/evaluator.hpp"
#include "assay/space/space.hpp"

#include <memory>
#include <optional>

namespace assay::cli {

class NetworkEvaluator final : public Evaluator {
 public:
  // Without an estimator latency stays unknown, and memory is that of float32 activations. `estimator` and
  // `space` must outlive the object.
  NetworkEvaluator(const Space& space, const Estimator* estimator, const ScoreSettings& settings, int workers,
                   std::int64_t worker_bytes);

  std::span<const std::string> score_names() const override { return scorer_.settings().scores; }
  void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override;
  std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                    std::stop_token stop) override;
  std::vector<double> rank(std::span<const double> scores, std::size_t count) override;

 private:
  GateResult gate_one(const Candidate& candidate, std::optional<Estimator::Session>& session) const;

  const Space& space_;
  const Estimator* estimator_;
  Scorer scorer_;
  std::vector<int> directions_;
  WorkerPool pool_;
  std::vector<std::optional<Estimator::Session>>
      sessions_;  // one per chunk of a gate batch, so that caches stay warm
};

}  // namespace assay::cli
