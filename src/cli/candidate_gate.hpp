// What microseconds tell about a candidate: its fingerprint, its costs, or why it cannot be built.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/search/evaluator.hpp"
#include "assay/space/space.hpp"

#include <optional>

namespace assay::cli {

// Whose parameters and MACs count. What runs is the network without dead and zero operators, so that costs
// of the executed network are a function of its fingerprint; published tables, and training frameworks, count
// what is declared. Latency and memory are those of the executed network either way.
enum class Counted { executed, declared };

// One per thread: what it knows of subgraphs stays warm.
class CandidateGate {
 public:
  // Without an estimator latency stays unknown, and memory is that of float32 activations. `space` must
  // outlive the object.
  CandidateGate(const Space& space, const Estimator* estimator, Counted counted);

  GateResult operator()(const Candidate& candidate);

 private:
  const Space& space_;
  Counted counted_;
  const Accelerator* accelerator_ = nullptr;
  std::optional<Estimator::Session> session_;
};

}  // namespace assay::cli
