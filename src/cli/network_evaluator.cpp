#include "network_evaluator.hpp"

#include "assay/base/error.hpp"
#include "assay/estimate/memory.hpp"

#include <utility>

namespace assay::cli {

NetworkEvaluator::NetworkEvaluator(const Space& space, const Estimator* estimator, ScoreService& service,
                                   std::vector<RankTerm> terms, std::vector<double> weights)
    : space_(space),
      estimator_(estimator),
      service_(service),
      terms_(std::move(terms)),
      weights_(std::move(weights)),
      sessions_(static_cast<std::size_t>(service.pool().size())) {
  if (estimator_ != nullptr) {
    for (auto& session : sessions_) session.emplace(*estimator_);
  }
}

GateResult NetworkEvaluator::gate_one(const Candidate& candidate,
                                      std::optional<Estimator::Session>& session) const {
  GateResult result;
  try {
    const Network declared = space_.decode(candidate);
    const Identity identity = identify(declared);
    result.fingerprint = identity.fingerprint;
    // What runs is the network without dead and zero operators; most candidates have none. Every cost is the
    // executed network's, so that it is a function of the fingerprint: of two candidates with one fingerprint
    // the second is a duplicate, whatever dead branches it declares.
    std::optional<Network> reduced;
    if (!identity.minimal) reduced = canonical(declared);
    const Network& executed = reduced ? *reduced : declared;
    result.costs.params = executed.parameters();
    result.costs.macs = executed.macs();
    if (!session) {
      result.costs.peak_memory_bytes = peak_activation_bytes(executed, {});
      return result;
    }
    const Prediction prediction = session->predict(executed);
    result.costs.latency_ms = prediction.latency_ms;
    result.costs.latency_low_ms = prediction.latency_low_ms;
    result.costs.latency_high_ms = prediction.latency_high_ms;
    result.costs.extrapolated = prediction.extrapolated;
    result.costs.peak_memory_bytes = peak_memory_bytes(estimator_->accelerator(), executed);
  } catch (const InputError& error) {
    result.failure = error.what();
  }
  return result;
}

void NetworkEvaluator::gate(std::span<const Candidate> candidates, std::span<GateResult> results) {
  // One contiguous chunk per worker: a candidate takes microseconds, too little to be handed out one by one.
  const auto chunks = static_cast<std::int64_t>(sessions_.size());
  const auto count = static_cast<std::int64_t>(candidates.size());
  service_.pool().run(chunks, [&](Worker&, std::int64_t chunk) {
    for (std::int64_t i = chunk * count / chunks; i < (chunk + 1) * count / chunks; ++i) {
      const auto index = static_cast<std::size_t>(i);
      results[index] = gate_one(candidates[index], sessions_[static_cast<std::size_t>(chunk)]);
    }
  });
}

std::size_t NetworkEvaluator::score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                                    std::stop_token stop) {
  // The executed network, as for the gates.
  const auto network = [&](std::int64_t i) {
    return canonical(space_.decode(candidates[static_cast<std::size_t>(i)]));
  };
  const std::vector<ScoredNetwork> scored = service_.score(std::ssize(candidates), network, std::move(stop));
  std::size_t leading = 0;
  for (; leading < scored.size() && scored[leading].done; ++leading) {
    const auto& [done, record, seconds] = scored[leading];
    rows[leading] = {.scores = record.values, .status = record.ok() ? "" : record.status, .seconds = seconds};
  }
  return leading;
}

std::vector<double> NetworkEvaluator::rank(std::span<const double> scores, std::size_t count) {
  RankArchive archive(terms_, weights_);
  const std::size_t width = terms_.size();
  for (std::size_t i = 0; i < count; ++i) archive.add(scores.subspan(i * width, width));
  return archive.scores();
}

}  // namespace assay::cli
