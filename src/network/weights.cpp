#include "assay/network/weights.hpp"

#include <array>

namespace assay {

std::span<const ParameterRole> parameter_roles(const Operator& op) {
  using enum ParameterRole;
  static constexpr std::array matrix = {weight, bias};
  static constexpr std::array norm = {scale, shift, running_mean, running_variance};
  switch (op.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
    case OpKind::linear:
      return std::span(matrix).first(op.bias ? 2 : 1);
    case OpKind::batch_norm:
      return norm;
    case OpKind::layer_norm:
      return std::span(norm).first(2);
    default:
      return {};
  }
}

std::vector<std::int64_t> parameter_dims(const Network& network, OpId id, ParameterRole role) {
  const Operator& op = network.op(id);
  const Shape in = network.shape(network.inputs(id)[0]);
  if (role != ParameterRole::weight) return {network.shape(id).channels};
  if (op.kind == OpKind::linear) return {op.channels, in.elements()};
  const Window& w = op.window;
  if (op.kind == OpKind::transposed_convolution)
    return {in.channels, op.channels / op.groups, w.kernel_h, w.kernel_w};
  return {op.channels, in.channels / op.groups, w.kernel_h, w.kernel_w};
}

}  // namespace assay
