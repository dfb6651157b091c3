// replace_activation: a smooth activation function that the accelerator cannot run within the convolution
// before it reads and writes the whole tensor once more.
#include "structure.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::array smooth = {Activation::h_swish, Activation::silu, Activation::gelu};
constexpr std::array simple = {Activation::relu, Activation::relu6};

}  // namespace

void find_activations(const Structure& structure, const FusionRules& fusion, Steps& steps) {
  const Network& network = structure.network();
  std::map<int, std::vector<OpId>> by_stage;
  std::vector<OpId> all;
  for (OpId id = 1; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    if (!structure.live(id) || op.kind != OpKind::activation || fusion.fuses(op.activation)) continue;
    if (std::ranges::find(smooth, op.activation) == smooth.end()) continue;
    by_stage[structure.stride(id)].push_back(id);
    all.push_back(id);
  }
  const auto add = [&](const std::string& site, const std::vector<OpId>& operators) {
    for (const Activation function : simple) {
      if (!fusion.fuses(function)) continue;
      RewriteStep step{.kind = RewriteKind::replace_activation,
                       .site = site,
                       .value = std::string(to_string(function)),
                       .what = {},
                       .edit = {}};
      for (const OpId id : operators) {
        Operator op = network.op(id);
        op.activation = function;
        op.parameter = 0;
        step.edit.replaced.push_back({id, op});
      }
      step.what =
          fmt::format("{} x {} becomes {}, which runs within the operator before it", operators.size(),
                      to_string(network.op(operators[0]).activation), to_string(function));
      steps.push_back(std::move(step));
    }
  };
  if (all.empty()) return;
  add("network", all);
  if (by_stage.size() < 2) return;
  for (const int stride : structure.strides())
    if (by_stage.contains(stride)) add(stage_name(stride), by_stage[stride]);
}

}  // namespace assay
