// All that a budget can limit about one model, and which of its parts it comes from: what a check compares
// with the limits, and what a baseline keeps.
#pragma once

#include "assay/check/budget_file.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace assay {

// A subgraph on one accelerator. `operation` and `sizes` together describe it: "3x3 dw conv", "96 s2 @14".
struct SubgraphCost {
  std::string name;  // of its first operator
  std::string operation, sizes;
  double latency_ms = 0;
  double lane_efficiency = 0;
  std::optional<SubgraphPrediction> part;  // as it was estimated; a baseline does not keep it

  std::string shape() const { return operation + " " + sizes; }
};

// What is alive while memory peaks.
struct AliveTensor {
  std::string name;   // of the operator that makes it; "weights"
  std::string shape;  // "96x56x56"; empty for scratch and weights
  std::string role;   // "read", "made", "needed later", "scratch", "weights"
  std::int64_t bytes = 0;
};

struct TargetCosts {
  std::string target;             // target_name
  std::uint64_t fingerprint = 0;  // of everything that the numbers depend on beside the model
  // Six significant digits each: numbers that are compared are those that are shown, on every machine.
  double latency_ms = 0, latency_high_ms = 0;
  bool extrapolated = false;
  std::int64_t peak_memory_bytes = 0;
  std::int64_t weight_bytes = 0;
  std::vector<SubgraphCost> subgraphs;  // in execution order
  std::string peak_step;                // the operator that runs while memory peaks
  std::vector<AliveTensor> alive;
};

// An operator with parameters or MACs.
struct OperatorCost {
  std::string name;
  std::string operation, sizes;  // "1x1 conv", "96→24 @28"
  std::int64_t params = 0, macs = 0;
};

struct ModelCosts {
  std::string model;  // its path, relative to the budget file
  std::int64_t params = 0, macs = 0;
  std::vector<OperatorCost> operators;
  std::vector<TargetCosts> targets;
};

// An estimator ready to be asked, and what it is called.
struct CheckTarget {
  std::string name;
  Estimator estimator;
  std::uint64_t fingerprint = 0;
};
// From an accelerator file its cycle model, so that a model's numbers depend on nothing but the model. Throws
// InputError as Accelerator::load, Estimator::of_cycle_model and Estimator::load do.
CheckTarget load_target(const TargetFile& file);

// As the accelerator runs it: the declared order counts, unless operators vanish. params and macs count what
// is declared.
ModelCosts measure_model(const Network& declared, const std::string& model,
                         const std::vector<const CheckTarget*>& targets);

}  // namespace assay
