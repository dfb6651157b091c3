#include "assay/network/transform.hpp"

#include "assay/network/builder.hpp"

#include <algorithm>
#include <vector>

namespace assay {
namespace {

// Rebuilds a network operator by operator. `rewrite(builder, id, inputs)` returns the new id of operator
// `id`, whose inputs' new ids are given. Block marks follow their operators.
template <class Rewrite>
Network rebuild(const Network& network, Shape input, Rewrite&& rewrite) {
  NetworkBuilder builder(input, network.title());
  std::vector<OpId> made(static_cast<std::size_t>(network.size()), 0);
  std::vector<OpId> inputs;
  for (OpId id = 1; id < network.size(); ++id) {
    inputs.clear();
    for (const OpId old : network.inputs(id)) inputs.push_back(made[old]);
    made[id] = rewrite(builder, id, inputs);
  }
  for (const BlockMark& block : network.blocks()) builder.mark_block(made[block.output], block.name);
  return std::move(builder).finish(made[network.output()]);
}

}  // namespace

Network without_residuals(const Network& network) {
  // Depth: convolutions and linear operators on the longest path from the input.
  std::vector<int> depth(static_cast<std::size_t>(network.size()), 0);
  for (OpId id = 1; id < network.size(); ++id) {
    for (const OpId input : network.inputs(id)) depth[id] = std::max(depth[id], depth[input]);
    depth[id] += network.macs(id) > 0;
  }
  return rebuild(network, network.input_shape(),
                 [&](NetworkBuilder& builder, OpId id, const std::vector<OpId>& inputs) {
                   if (network.op(id).kind == OpKind::add) {
                     const std::span<const OpId> old = network.inputs(id);
                     const auto [least, most] =
                         std::ranges::minmax_element(old, {}, [&](OpId input) { return depth[input]; });
                     if (depth[*least] != depth[*most])
                       return inputs[static_cast<std::size_t>(most - old.begin())];
                   }
                   return builder.add(network.op(id), inputs, network.name(id));
                 });
}

Network without_batch_norm(const Network& network) {
  return rebuild(network, network.input_shape(),
                 [&](NetworkBuilder& builder, OpId id, const std::vector<OpId>& inputs) {
                   if (network.op(id).kind == OpKind::batch_norm) return inputs[0];
                   return builder.add(network.op(id), inputs, network.name(id));
                 });
}

Network at_resolution(const Network& network, int height, int width) {
  const Shape input = {network.input_shape().channels, height, width};
  return rebuild(network, input, [&](NetworkBuilder& builder, OpId id, const std::vector<OpId>& inputs) {
    return builder.add(network.op(id), inputs, network.name(id));
  });
}

}  // namespace assay
