#include "network_evaluator.hpp"

#include <utility>

namespace assay::cli {

NetworkEvaluator::NetworkEvaluator(const Space& space, const Estimator* estimator, ScoreService& service,
                                   std::vector<RankTerm> terms, std::vector<double> weights)
    : space_(space), service_(service), terms_(std::move(terms)), weights_(std::move(weights)) {
  // Of two candidates with one fingerprint the second is a duplicate, whatever dead branches it declares.
  for (int i = 0; i < service.pool().size(); ++i) gates_.emplace_back(space, estimator, Counted::executed);
}

void NetworkEvaluator::gate(std::span<const Candidate> candidates, std::span<GateResult> results) {
  // One contiguous chunk per worker: a candidate takes microseconds, too little to be handed out one by one.
  const auto chunks = std::ssize(gates_);
  const auto count = static_cast<std::int64_t>(candidates.size());
  service_.pool().run(chunks, [&](Worker&, std::int64_t chunk) {
    for (std::int64_t i = chunk * count / chunks; i < (chunk + 1) * count / chunks; ++i) {
      const auto index = static_cast<std::size_t>(i);
      results[index] = gates_[static_cast<std::size_t>(chunk)](candidates[index]);
    }
  });
}

std::size_t NetworkEvaluator::score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                                    std::stop_token stop) {
  // The executed network, as for the gates.
  const auto network = [&](std::int64_t i) {
    return canonical(space_.decode(candidates[static_cast<std::size_t>(i)]));
  };
  const std::vector<ScoredNetwork> scored =
      service_.score(std::ssize(candidates), network, std::move(stop), watch_);
  std::size_t leading = 0;
  for (; leading < scored.size() && scored[leading].done; ++leading) {
    const auto& [done, record, seconds] = scored[leading];
    rows[leading] = {.scores = record.values, .status = record.ok() ? "" : record.status, .seconds = seconds};
  }
  return leading;
}

std::vector<double> NetworkEvaluator::rank(std::size_t count, const Column& column) {
  std::vector<double> sums(count, 0.0);
  for (std::size_t k = 0; k < terms_.size(); ++k)
    add_rank_term(terms_[k], weights_.empty() ? 1 : weights_[k], column(k), sums);
  return sums;
}

}  // namespace assay::cli
