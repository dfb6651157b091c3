#include "candidate_gate.hpp"

#include "assay/base/error.hpp"
#include "assay/estimate/memory.hpp"

namespace assay::cli {

CandidateGate::CandidateGate(const Space& space, const Estimator* estimator, Counted counted)
    : space_(space), counted_(counted) {
  if (estimator == nullptr) return;
  accelerator_ = &estimator->accelerator();
  session_.emplace(*estimator);
}

GateResult CandidateGate::operator()(const Candidate& candidate) {
  GateResult result;
  try {
    const Network declared = space_.decode(candidate);
    const Identity identity = identify(declared);
    result.fingerprint = identity.fingerprint;
    std::optional<Network> reduced;  // most candidates have no dead and no zero operators
    if (!identity.minimal) reduced = canonical(declared);
    const Network& executed = reduced ? *reduced : declared;
    const Network& counted = counted_ == Counted::executed ? executed : declared;
    result.costs.params = counted.parameters();
    result.costs.macs = counted.macs();
    if (!session_) {
      result.costs.peak_memory_bytes = peak_activation_bytes(executed, {});
      return result;
    }
    const Prediction prediction = session_->predict(executed);
    result.costs.latency_ms = prediction.latency_ms;
    result.costs.latency_low_ms = prediction.latency_low_ms;
    result.costs.latency_high_ms = prediction.latency_high_ms;
    result.costs.extrapolated = prediction.extrapolated;
    result.costs.peak_memory_bytes = peak_memory_bytes(*accelerator_, executed);
  } catch (const InputError& error) {
    result.failure = error.what();
  }
  return result;
}

}  // namespace assay::cli
