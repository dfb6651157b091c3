#include "assay/check/model_costs.hpp"

#include "assay/accelerator/subgraph_text.hpp"
#include "assay/base/hash.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/report/escape.hpp"
#include "assay/report/table.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace assay {
namespace {

// Raised whenever estimates or memory counting change for files that did not.
constexpr std::uint64_t numbers_version = 1;

// Names come from files: whatever bytes they hold, reports are text.
std::string name_of(const Network& network, OpId id) {
  return line_text(network.name(id));
}

std::string shape_text(const Shape& shape) {
  return shape.height == 1 && shape.width == 1
             ? std::to_string(shape.channels)
             : fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

std::string role_text(LiveTensor::Role role) {
  switch (role) {
    case LiveTensor::Role::operand:
      return "read";
    case LiveTensor::Role::waiting:
      return "needed later";
    case LiveTensor::Role::result:
      return "made";
    case LiveTensor::Role::scratch:
      break;
  }
  return "scratch";
}

void add_memory(const Accelerator& accelerator, const Network& network, TargetCosts& costs) {
  const MemoryProfile profile = memory_profile(accelerator, network);
  costs.peak_memory_bytes = profile.peak_bytes;
  costs.peak_step = name_of(network, profile.peak_op);
  for (const LiveTensor& tensor : profile.peak) {
    if (tensor.bytes == 0) continue;
    const bool scratch = tensor.role == LiveTensor::Role::scratch;
    costs.alive.push_back({.name = name_of(network, tensor.op),
                           .shape = scratch ? "" : shape_text(network.shape(tensor.op)),
                           .role = role_text(tensor.role),
                           .bytes = tensor.bytes});
  }
  if (accelerator.weights_counted)
    costs.alive.push_back({.name = "weights", .shape = "", .role = "weights", .bytes = costs.weight_bytes});
}

void add_subgraphs(const Estimator& estimator, const Network& network, TargetCosts& costs) {
  for (const SubgraphPrediction& part : estimator.explain(network)) {
    costs.subgraphs.push_back({.name = name_of(network, part.first),
                               .operation = operation_text(part.subgraph),
                               .sizes = size_text(part.subgraph),
                               .latency_ms = significant(part.latency_ms),
                               .lane_efficiency = significant(part.lane_efficiency),
                               .part = part});
  }
}

}  // namespace

CheckTarget load_target(const TargetFile& file) {
  if (file.estimator) {
    Estimator estimator = Estimator::load(file.path);
    const std::uint64_t fingerprint = hash_text(estimator.to_json(), numbers_version);
    return {target_name(file), std::move(estimator), fingerprint};
  }
  const Accelerator accelerator = Accelerator::load(file.path);
  return {target_name(file), Estimator::of_cycle_model(accelerator),
          hash_combine(accelerator.fingerprint(), numbers_version)};
}

ModelCosts measure_model(const Network& declared, const std::string& model,
                         const std::vector<const CheckTarget*>& targets) {
  ModelCosts costs{.model = utf8_text(model),
                   .params = declared.parameters(),
                   .macs = declared.macs(),
                   .operators = {},
                   .targets = {}};
  for (OpId id = 0; id < declared.size(); ++id) {
    const std::int64_t params = declared.parameters(id), macs = declared.macs(id);
    if (params == 0 && macs == 0) continue;
    const Subgraph does = subgraph_of(declared, id);
    costs.operators.push_back({.name = name_of(declared, id),
                               .operation = operation_text(does),
                               .sizes = size_text(does),
                               .params = params,
                               .macs = macs});
  }
  std::optional<Network> reduced;
  if (!identify(declared).minimal) reduced = canonical(declared);
  const Network& executed = reduced ? *reduced : declared;
  for (const CheckTarget* target : targets) {
    const Prediction prediction = target->estimator.predict(executed);
    TargetCosts on{.target = target->name,
                   .fingerprint = target->fingerprint,
                   .latency_ms = significant(prediction.latency_ms),
                   .latency_high_ms = significant(prediction.latency_high_ms),
                   .extrapolated = prediction.extrapolated,
                   .weight_bytes = weight_bytes(target->estimator.accelerator(), executed),
                   .subgraphs = {},
                   .peak_step = {},
                   .alive = {}};
    add_memory(target->estimator.accelerator(), executed, on);
    add_subgraphs(target->estimator, executed, on);
    costs.targets.push_back(std::move(on));
  }
  return costs;
}

}  // namespace assay
