#include "assay/network/memory.hpp"

#include "assay/network/schedule.hpp"

#include "memory_graph.hpp"

#include <algorithm>
#include <utility>

namespace assay {
namespace {

std::int64_t peak_of(MemoryGraph& graph) {
  std::int64_t peak = 0;
  graph.walk({}, [&](std::int32_t, std::int64_t live) { peak = std::max(peak, live); });
  return peak;
}

MemoryProfile profile_of(MemoryGraph& graph, std::span<const std::int32_t> order) {
  MemoryProfile profile;
  profile.steps.reserve(graph.steps.size());
  graph.walk(order, [&](std::int32_t index, std::int64_t live) {
    const MemoryGraph::Step& step = graph.steps[index];
    profile.steps.push_back({step.op, step.last, live});
    if (live > profile.peak_bytes) {
      profile.peak_bytes = live;
      profile.peak_op = step.op;
    }
  });
  return profile;
}

// The graph of the policy: streamed where that lowers the peak. The `scheduled` order counts where the policy
// reorders. Kept between calls: a search asks for this a million times.
struct Prepared {
  MemoryGraph* graph = nullptr;
  StepOrder order;
};

StepOrder order_of(MemoryGraph& graph, bool scheduled) {
  if (scheduled) return find_order(graph);
  const std::int64_t peak = peak_of(graph);
  return {.steps = {}, .peak_bytes = peak, .declared_peak_bytes = peak};
}

Prepared prepare(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
                 bool scheduled) {
  thread_local MemoryGraph whole;
  whole.build(network, policy, fused);
  Prepared result{&whole, order_of(whole, scheduled)};
  if (policy.strip_rows == 0) return result;
  const Strips strips = find_strips(network, policy, fused, whole);
  if (!strips.any) return result;
  thread_local MemoryGraph streamed;
  streamed.build(network, policy, {.last = strips.last, .concat = fused.concat}, strips.buffer_bytes);
  StepOrder order = order_of(streamed, scheduled);
  if (order.peak_bytes < result.order.peak_bytes) result = {&streamed, std::move(order)};
  return result;
}

}  // namespace

MemoryProfile memory_profile(const Network& network, const MemoryPolicy& policy,
                             const FusedOperators& fused) {
  const Prepared prepared = prepare(network, policy, fused, policy.reorder);
  return profile_of(*prepared.graph, prepared.order.steps);
}

std::int64_t peak_activation_bytes(const Network& network, const MemoryPolicy& policy,
                                   const FusedOperators& fused) {
  return prepare(network, policy, fused, policy.reorder).order.peak_bytes;
}

Schedule memory_schedule(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused) {
  const Prepared prepared = prepare(network, policy, fused, true);
  return {.memory = profile_of(*prepared.graph, prepared.order.steps),
          .declared_peak_bytes = prepared.order.declared_peak_bytes,
          .optimal = prepared.order.optimal};
}

}  // namespace assay
