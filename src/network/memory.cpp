#include "assay/network/memory.hpp"

#include <algorithm>

namespace assay {
namespace {

bool is_elementwise(OpKind kind) {
  return kind == OpKind::activation || kind == OpKind::batch_norm || kind == OpKind::add ||
         kind == OpKind::multiply || kind == OpKind::softmax;
}

// Walks the execution order; `on_step(op, live_bytes)` is called for every operator.
template <class OnStep>
void walk(const Network& network, const MemoryPolicy& policy, OnStep&& on_step) {
  // Kept between calls: a search asks for this a million times.
  thread_local std::vector<OpId> buffer;        // operator -> the operator that first owned its memory
  thread_local std::vector<std::int32_t> uses;  // per buffer: uses still to come
  const int n = network.size();
  buffer.resize(static_cast<std::size_t>(n));
  uses.assign(static_cast<std::size_t>(n), 0);
  thread_local std::vector<std::int32_t> fan_out;
  fan_out.assign(static_cast<std::size_t>(n), 0);
  for (OpId id = 0; id < n; ++id) {
    for (const OpId input : network.inputs(id)) ++fan_out[input];
  }
  ++fan_out[network.output()];  // the caller reads it at the end

  std::int64_t live = 0;
  for (OpId id = 0; id < n; ++id) {
    const Operator& op = network.op(id);
    const std::int64_t bytes = network.shape(id).elements() * policy.bytes_per_element;
    const std::span<const OpId> inputs = network.inputs(id);
    OpId own = id;
    if (op.kind == OpKind::flatten) {
      own = buffer[inputs[0]];
    } else if (policy.in_place && is_elementwise(op.kind)) {
      for (const OpId input : inputs) {
        const OpId b = buffer[input];
        const auto here =
            std::count_if(inputs.begin(), inputs.end(), [&](OpId other) { return buffer[other] == b; });
        if (network.shape(input) == network.shape(id) && uses[b] == here) {
          own = b;
          break;
        }
      }
    }
    buffer[id] = own;
    if (own == id) live += bytes;
    uses[own] += fan_out[id];
    on_step(id, live);
    const auto release = [&](OpId b) {
      if (uses[b] == 0) live -= network.shape(b).elements() * policy.bytes_per_element;
    };
    for (const OpId input : inputs) {
      --uses[buffer[input]];
      if (buffer[input] != own) release(buffer[input]);
    }
    if (uses[own] == 0) release(own);  // a dead branch ends here
  }
}

}  // namespace

MemoryProfile memory_profile(const Network& network, const MemoryPolicy& policy) {
  MemoryProfile profile;
  profile.steps.reserve(static_cast<std::size_t>(network.size()));
  walk(network, policy, [&](OpId op, std::int64_t live) {
    profile.steps.push_back({op, live});
    if (live > profile.peak_bytes) {
      profile.peak_bytes = live;
      profile.peak_op = op;
    }
  });
  return profile;
}

std::int64_t peak_activation_bytes(const Network& network, const MemoryPolicy& policy) {
  std::int64_t peak = 0;
  walk(network, policy, [&](OpId, std::int64_t live) { peak = std::max(peak, live); });
  return peak;
}

}  // namespace assay
