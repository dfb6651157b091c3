#include "blocks.hpp"

#include "assay/base/error.hpp"
#include "assay/network/builder.hpp"
#include "assay/network/transform.hpp"

#include <algorithm>

namespace assay {

std::vector<OpId> block_outputs(const Network& network) {
  std::vector<OpId> outputs;
  for (const BlockMark& mark : blocks_or_cuts(network))
    if (mark.output != 0) outputs.push_back(mark.output);
  std::ranges::sort(outputs);
  const auto repeated = std::ranges::unique(outputs);
  outputs.erase(repeated.begin(), repeated.end());
  if (outputs.size() > 1) std::erase(outputs, network.output());
  return outputs;
}

bool is_weighted(const Operator& op) {
  return op.kind == OpKind::convolution || op.kind == OpKind::transposed_convolution ||
         op.kind == OpKind::linear;
}

std::vector<OpId> weighted_operators(const Network& network) {
  std::vector<OpId> operators;
  for (OpId id = 1; id < network.size(); ++id)
    if (is_weighted(network.op(id))) operators.push_back(id);
  return operators;
}

namespace {

// Rebuilds the network with `rewrite(builder, id, new inputs)` in place of each operator; `output` is an id
// of the old network. What nothing needs any more is left out.
template <class Rewrite>
Network rewritten(const Network& network, OpId output, Rewrite&& rewrite) {
  NetworkBuilder builder(network.input_shape(), network.title());
  std::vector<OpId> made(static_cast<std::size_t>(network.size()), 0);
  const auto at = [&](OpId id) -> OpId& { return made[static_cast<std::size_t>(id)]; };
  std::vector<OpId> inputs;
  for (OpId id = 1; id < network.size(); ++id) {
    inputs.clear();
    for (const OpId input : network.inputs(id)) inputs.push_back(at(input));
    at(id) = rewrite(builder, id, inputs);
  }
  for (const BlockMark& mark : network.blocks()) builder.mark_block(at(mark.output), mark.name);
  return canonical(std::move(builder).finish(at(output)));
}

// Which input of a product is the feature map: the larger one, then the one that no activation bounded.
std::size_t feature_input(const Network& network, OpId product) {
  const OpId a = network.inputs(product)[0], b = network.inputs(product)[1];
  if (network.shape(a) != network.shape(b))
    return network.shape(a).elements() > network.shape(b).elements() ? 0 : 1;
  const auto bounded = [&](OpId id) {
    const Operator& op = network.op(id);
    return op.kind == OpKind::activation &&
           (op.activation == Activation::sigmoid || op.activation == Activation::h_sigmoid ||
            op.activation == Activation::tanh);
  };
  return bounded(a) && !bounded(b) ? 1 : 0;
}

}  // namespace

std::span<const OpId> feature_inputs(const Network& network, OpId id) {
  const auto inputs = network.inputs(id);
  return network.op(id).kind == OpKind::multiply ? inputs.subspan(feature_input(network, id), 1) : inputs;
}

Network logits(const Network& network) {
  OpId output = network.output();
  while (network.op(output).kind == OpKind::softmax) output = network.inputs(output)[0];
  if (output == network.output()) return network;
  return rewritten(network, output, [&](NetworkBuilder& builder, OpId id, const std::vector<OpId>& inputs) {
    return builder.add(network.op(id), inputs, network.name(id));
  });
}

OpId feature_output(const Network& network) {
  OpId id = network.output();
  while (id != 0) {
    const Shape shape = network.shape(id);
    if (shape.height * shape.width > 1) return id;
    if (network.inputs(id).size() != 1 && network.op(id).kind != OpKind::outputs) break;
    id = network.inputs(id)[0];
  }
  return id == 0 ? network.output() : id;
}

Network at_most(const Network& network, int limit) {
  const Shape input = network.input_shape();
  const int longer = std::max(input.height, input.width);
  for (std::int64_t side = limit; side > 0 && side < longer; side *= 2) {
    const auto scaled = [&](int pixels) {
      return std::max(1, static_cast<int>((pixels * side + longer / 2) / longer));
    };
    try {
      return at_resolution(network, scaled(input.height), scaled(input.width));
    } catch (const InputError&) {
      // Vanishes: try the next.
    }
  }
  return network;
}

Network linearised(const Network& network) {
  return rewritten(network, network.output(),
                   [&](NetworkBuilder& builder, OpId id, const std::vector<OpId>& inputs) {
                     Operator op = network.op(id);
                     switch (op.kind) {
                       case OpKind::batch_norm:
                       case OpKind::layer_norm:
                       case OpKind::activation:
                       case OpKind::softmax:
                         return inputs[0];
                       case OpKind::multiply:
                         return inputs[feature_input(network, id)];
                       default:
                         op.bias = false;
                         return builder.add(op, inputs, network.name(id));
                     }
                   });
}

}  // namespace assay
