#include "assay/estimate/memory.hpp"

#include "assay/accelerator/subgraph.hpp"

#include <vector>

namespace assay {
namespace {

// The operators that run as one, where the file says that nothing lies between them. Kept between calls: a
// search asks a million times.
FusedOperators fused_operators(const Accelerator& accelerator, const Network& network) {
  if (accelerator.intermediates_counted) return {};
  SubgraphSplitter splitter(accelerator.fusion);
  const std::span<const SubgraphInstance> subgraphs = splitter.split(network);
  const std::span<const std::int32_t> membership = splitter.membership();
  thread_local std::vector<OpId> last;
  last.clear();
  for (OpId id = 0; id < network.size(); ++id) {
    const std::int32_t subgraph = membership[static_cast<std::size_t>(id)];
    last.push_back(subgraph < 0 ? id : subgraphs[static_cast<std::size_t>(subgraph)].last);
  }
  // A dead operator may read what a subgraph does not keep: then all its tensors are kept.
  for (OpId id = 0; id < network.size(); ++id) {
    for (const OpId input : network.inputs(id)) {
      const OpId end = last[static_cast<std::size_t>(input)];
      if (end == input || end == last[static_cast<std::size_t>(id)]) continue;
      for (OpId member = 0; member <= end; ++member) {
        if (last[static_cast<std::size_t>(member)] == end) last[static_cast<std::size_t>(member)] = member;
      }
    }
  }
  return {.last = last, .concat = accelerator.fusion.concat};
}

std::int64_t counted_weights(const Accelerator& accelerator, const Network& network) {
  return accelerator.weights_counted ? weight_bytes(accelerator, network) : 0;
}

void add_weights(MemoryProfile& profile, std::int64_t bytes) {
  profile.peak_bytes += bytes;
  for (MemoryStep& step : profile.steps) step.live_bytes += bytes;
}

}  // namespace

std::int64_t weight_bytes(const Accelerator& accelerator, const Network& network) {
  return network.parameters() * accelerator.memory.bytes_per_element;
}

std::int64_t peak_memory_bytes(const Accelerator& accelerator, const Network& network) {
  return peak_activation_bytes(network, accelerator.memory, fused_operators(accelerator, network)) +
         counted_weights(accelerator, network);
}

MemoryProfile memory_profile(const Accelerator& accelerator, const Network& network) {
  MemoryProfile profile = memory_profile(network, accelerator.memory, fused_operators(accelerator, network));
  add_weights(profile, counted_weights(accelerator, network));
  return profile;
}

Schedule memory_schedule(const Accelerator& accelerator, const Network& network) {
  Schedule schedule = memory_schedule(network, accelerator.memory, fused_operators(accelerator, network));
  const std::int64_t weights = counted_weights(accelerator, network);
  add_weights(schedule.memory, weights);
  schedule.declared_peak_bytes += weights;
  return schedule;
}

}  // namespace assay
