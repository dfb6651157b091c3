#include "assay/network/memory.hpp"

#include "assay/network/schedule.hpp"

#include "memory_graph.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace assay {
namespace {

std::int64_t peak_of(MemoryGraph& graph) {
  std::int64_t peak = 0;
  graph.walk({}, [&](std::int32_t, std::int64_t live) { peak = std::max(peak, live); });
  return peak;
}

// What is alive while step number `position` of the order runs.
std::vector<LiveTensor> live_at(const MemoryGraph& graph, std::span<const std::int32_t> order,
                                std::int32_t position) {
  const auto step_at = [&](std::int32_t i) { return order.empty() ? i : order[static_cast<std::size_t>(i)]; };
  const std::int32_t current = step_at(position);
  std::vector<std::int32_t> uses_left = graph.uses;  // before the step runs
  for (std::int32_t i = 0; i < position; ++i)
    for (const MemoryGraph::Read& read : graph.reads(step_at(i))) --uses_left[read.step];
  const auto is_operand = [&](std::int32_t step) {
    return std::ranges::any_of(graph.reads(current),
                               [&](const MemoryGraph::Read& read) { return read.step == step; });
  };
  std::vector<LiveTensor> alive;
  for (std::int32_t i = 0; i < position; ++i) {
    const std::int32_t step = step_at(i);
    if (uses_left[step] == 0 || graph.steps[step].bytes == 0) continue;
    alive.push_back({graph.steps[step].last, graph.steps[step].bytes,
                     is_operand(step) ? LiveTensor::Role::operand : LiveTensor::Role::waiting});
  }
  const MemoryGraph::Step& step = graph.steps[current];
  const std::int64_t fresh =
      graph.fresh_bytes(current, [&](std::int32_t u) { return uses_left[u] == 1; }) - step.scratch;
  alive.push_back({step.last, fresh, LiveTensor::Role::result});
  if (step.scratch > 0) alive.push_back({step.op, step.scratch, LiveTensor::Role::scratch});
  return alive;
}

MemoryProfile profile_of(MemoryGraph& graph, std::span<const std::int32_t> order) {
  MemoryProfile profile;
  profile.steps.reserve(graph.steps.size());
  std::int32_t peak = 0;
  graph.walk(order, [&](std::int32_t index, std::int64_t live) {
    const MemoryGraph::Step& step = graph.steps[index];
    if (live > profile.peak_bytes) {
      profile.peak_bytes = live;
      profile.peak_op = step.op;
      peak = static_cast<std::int32_t>(profile.steps.size());
    }
    profile.steps.push_back({step.op, step.last, live});
  });
  profile.peak = live_at(graph, order, peak);
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
