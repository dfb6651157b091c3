// Values of a network's parameters, apart from the network: trained ones, or those of an imported model.
#pragma once

#include "assay/network/network.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

enum class ParameterRole : std::uint8_t { weight, bias, scale, shift, running_mean, running_variance };

// The tensors of an operator, in this order: weight, bias | scale, shift, running_mean, running_variance.
// Empty for operators without parameters.
std::span<const ParameterRole> parameter_roles(const Operator& op);

// Dimensions of a tensor in plain layout, as PyTorch has them: convolution {out, in / groups, kh, kw},
// transposed convolution {in, out / groups, kh, kw}, linear {out, in}, all others {channels}.
std::vector<std::int64_t> parameter_dims(const Network& network, OpId op, ParameterRole role);

struct WeightTensor {
  OpId op = 0;
  ParameterRole role = ParameterRole::weight;
  std::vector<float> values;  // plain layout
};

// One per tensor, in operator order, and within an operator in that of parameter_roles.
using Weights = std::vector<WeightTensor>;

}  // namespace assay
