#include "assay/explain/memory_steps.hpp"

#include <algorithm>

namespace assay {

std::vector<MemoryStep> memory_by_subgraph(std::span<const std::int32_t> membership,
                                           const MemoryProfile& profile) {
  const auto subgraph_of = [&](OpId id) { return membership[static_cast<std::size_t>(id)]; };
  std::vector<MemoryStep> steps;
  for (const MemoryStep& step : profile.steps) {
    const std::int32_t subgraph = subgraph_of(step.op);
    if (!steps.empty() && subgraph >= 0 && subgraph == subgraph_of(steps.back().op)) {
      steps.back().last = step.last;
      steps.back().live_bytes = std::max(steps.back().live_bytes, step.live_bytes);
    } else {
      steps.push_back(step);
    }
  }
  for (MemoryStep& step : steps) {
    if (subgraph_of(step.op) == subgraph_of(step.last)) step.last = step.op;
  }
  return steps;
}

}  // namespace assay
