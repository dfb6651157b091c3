#include "assay/network/network.hpp"

#include <unordered_set>

#include <fmt/format.h>

namespace assay {

std::int64_t Network::parameters(OpId id) const {
  const Operator& o = op(id);
  switch (o.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution: {
      const std::int64_t in = shape(inputs(id)[0]).channels;
      return o.channels * (in / o.groups) * o.window.kernel_h * o.window.kernel_w + (o.bias ? o.channels : 0);
    }
    case OpKind::linear:
      return shape(inputs(id)[0]).elements() * o.channels + (o.bias ? o.channels : 0);
    case OpKind::batch_norm:
    case OpKind::layer_norm:
      return 2 * std::int64_t{shape(id).channels};
    default:
      return 0;
  }
}

std::int64_t Network::macs(OpId id) const {
  const Operator& o = op(id);
  switch (o.kind) {
    case OpKind::convolution: {
      const std::int64_t in = shape(inputs(id)[0]).channels;
      return shape(id).elements() * (in / o.groups) * o.window.kernel_h * o.window.kernel_w;
    }
    case OpKind::transposed_convolution:
      // Every input pixel is multiplied with the whole kernel.
      return shape(inputs(id)[0]).elements() * (o.channels / o.groups) * o.window.kernel_h *
             o.window.kernel_w;
    case OpKind::linear:
      return shape(inputs(id)[0]).elements() * o.channels;
    default:
      return 0;
  }
}

std::vector<std::string> unique_names(const Network& network) {
  std::vector<std::string> names;
  std::unordered_set<std::string> taken;
  for (OpId id = 0; id < network.size(); ++id) {
    const std::string wanted(network.name(id));
    std::string name = wanted;
    for (int i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::vector<OpId>> Network::consumers() const {
  std::vector<std::vector<OpId>> result(operators_.size());
  for (OpId id = 0; id < size(); ++id) {
    for (const OpId input : inputs(id)) {
      if (result[input].empty() || result[input].back() != id) result[input].push_back(id);
    }
  }
  return result;
}

}  // namespace assay
