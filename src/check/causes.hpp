// Which parts of a model a violated limit is about.
#pragma once

#include "assay/check/check.hpp"

#include <string>
#include <vector>

namespace assay {

struct Blame {
  std::string summary;  // a sentence
  std::vector<Cause> causes;
};

// `before` is the comparable baseline, or nullptr. Where the value grew against it, what grew, is new, shrank
// or is gone; otherwise the largest parts. `estimator` says what would make subgraphs faster.
Blame blame_latency(const TargetCosts& now, const TargetCosts* before, const Estimator& estimator);
// What is alive at the peak.
Blame blame_memory(const TargetCosts& now, const TargetCosts* before);
// Of params, macs, and weight_bytes (`unit` bytes a parameter).
Blame blame_size(CheckMetric metric, const ModelCosts& now, const ModelCosts* before, double unit);

}  // namespace assay
