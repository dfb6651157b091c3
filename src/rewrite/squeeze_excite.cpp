// drop_squeeze_excite: a gate (Hu et al., CVPR 2018) has few multiply-accumulates, but a global pooling, two
// tiny convolutions and a multiplication are subgraphs of their own that wait for each other.
#include "structure.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

// Below this share of its block's latency a gate does not dominate anything.
constexpr double least_share = 0.1;

struct Gate {
  OpId scale = 0;               // the multiplication
  OpId features = 0;            // what it gates
  std::vector<OpId> operators;  // from the pooling to the multiplication
};

// Follows `gate` back to a global pooling of `features`.
bool gates(const Network& network, OpId features, OpId gate, std::vector<OpId>& operators) {
  for (OpId id = gate;; id = network.inputs(id)[0]) {
    const Operator& op = network.op(id);
    operators.push_back(id);
    switch (op.kind) {
      case OpKind::global_average_pool:
      case OpKind::global_max_pool:
        return network.inputs(id)[0] == features;
      case OpKind::average_pool:  // over the whole map, as some exporters write it
        return network.inputs(id)[0] == features && network.shape(id).height * network.shape(id).width == 1;
      case OpKind::convolution:
      case OpKind::linear:
      case OpKind::batch_norm:
      case OpKind::activation:
      case OpKind::flatten:
        if (network.shape(id).height * network.shape(id).width != 1) return false;
        break;
      default:
        return false;
    }
  }
}

std::vector<Gate> find_gates(const Structure& structure) {
  const Network& network = structure.network();
  std::vector<Gate> found;
  for (OpId id = 1; id < network.size(); ++id) {
    if (!structure.live(id) || network.op(id).kind != OpKind::multiply) continue;
    const OpId a = network.inputs(id)[0], b = network.inputs(id)[1];
    for (const auto& [features, gate] : {std::pair{a, b}, std::pair{b, a}}) {
      Gate candidate{.scale = id, .features = features, .operators = {id}};
      if (gate == 0 || network.shape(features) != network.shape(id)) continue;
      if (!gates(network, features, gate, candidate.operators)) continue;
      found.push_back(std::move(candidate));
      break;
    }
  }
  return found;
}

}  // namespace

void find_squeeze_excites(const Structure& structure, const Estimator& estimator, Steps& steps) {
  const Network& network = structure.network();
  const std::vector<Gate> found = find_gates(structure);
  if (found.empty()) return;
  std::unordered_map<std::string, double> of_block;
  std::unordered_map<OpId, double> of_operator;
  for (const SubgraphPrediction& part : estimator.explain(network)) {
    of_block[structure.block(part.first)] += part.latency_ms;
    of_operator[part.first] += part.latency_ms;
  }
  for (const Gate& gate : found) {
    double latency = 0;
    for (const OpId id : gate.operators)
      if (const auto at = of_operator.find(id); at != of_operator.end()) latency += at->second;
    const std::string& block = structure.block(gate.scale);
    const double share = latency / of_block[block];
    if (share < least_share) continue;
    steps.push_back(
        {.kind = RewriteKind::drop_squeeze_excite,
         .site = structure.site(gate.scale),
         .value = {},
         .what = fmt::format("squeeze-excite goes: {:.0f} % of its block's latency", 100 * share),
         .edit = {.replaced = {}, .bypassed = {{gate.scale, gate.features}}, .renamed = {}, .input = {}}});
  }
}

}  // namespace assay
