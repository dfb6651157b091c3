#include "assay/rewrite/effect.hpp"

#include "assay/estimate/memory.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace assay {
namespace {

// By key, so that equal subgraphs of both networks meet.
std::map<std::uint64_t, SubgraphCount> counts_of(const std::vector<SubgraphPrediction>& parts) {
  std::map<std::uint64_t, SubgraphCount> counts;
  for (const SubgraphPrediction& part : parts) {
    SubgraphCount& entry = counts[part.subgraph.key()];
    entry.subgraph = part.subgraph;
    ++entry.count;
    entry.latency_ms += part.latency_ms;
    entry.lane_efficiency = part.lane_efficiency;
    entry.bound = part.bound;
  }
  return counts;
}

// What `counts` has more of than `others`.
std::vector<SubgraphCount> surplus(const std::map<std::uint64_t, SubgraphCount>& counts,
                                   const std::map<std::uint64_t, SubgraphCount>& others) {
  std::vector<SubgraphCount> found;
  for (const auto& [key, entry] : counts) {
    const auto other = others.find(key);
    const int shared = other == others.end() ? 0 : other->second.count;
    if (entry.count <= shared) continue;
    found.push_back(entry);
    found.back().count -= shared;
    found.back().latency_ms *= 1.0 * found.back().count / entry.count;
  }
  std::ranges::stable_sort(found, std::greater<>(), &SubgraphCount::latency_ms);
  return found;
}

double lanes_of(const std::vector<SubgraphCount>& subgraphs) {
  double time = 0, useful = 0;
  for (const SubgraphCount& entry : subgraphs) {
    time += entry.latency_ms;
    useful += entry.latency_ms * entry.lane_efficiency;
  }
  return time > 0 ? useful / time : 0;
}

double lanes_of(const std::vector<SubgraphPrediction>& parts) {
  double useful = 0;
  for (const SubgraphPrediction& part : parts) useful += part.share * part.lane_efficiency;
  return useful;
}

}  // namespace

NetworkFigures figures_of(const Estimator& estimator, Estimator::Session& session, const Network& network) {
  const Prediction prediction = session.predict(network);
  return {.latency_ms = prediction.latency_ms,
          .latency_low_ms = prediction.latency_low_ms,
          .latency_high_ms = prediction.latency_high_ms,
          .extrapolated = prediction.extrapolated,
          .peak_memory_bytes = peak_memory_bytes(estimator.accelerator(), network),
          .params = network.parameters(),
          .macs = network.macs(),
          .scores = {},
          .score_status = {}};
}

Effect effect_of(const Estimator& estimator, const Network& before, const Network& after) {
  const std::vector<SubgraphPrediction> old_parts = estimator.explain(before);
  const std::vector<SubgraphPrediction> new_parts = estimator.explain(after);
  const auto old_counts = counts_of(old_parts), new_counts = counts_of(new_parts);
  Effect effect{.before = surplus(old_counts, new_counts), .after = surplus(new_counts, old_counts)};
  effect.lanes_before = lanes_of(effect.before);
  effect.lanes_after = lanes_of(effect.after);
  effect.network_lanes_before = lanes_of(old_parts);
  effect.network_lanes_after = lanes_of(new_parts);
  return effect;
}

std::string to_text(const SubgraphCount& subgraph) {
  return fmt::format("{}{}: {:.3g} ms, {:.0f} % of the lanes, bound by {}",
                     subgraph.count > 1 ? fmt::format("{} x ", subgraph.count) : "",
                     describe(subgraph.subgraph), subgraph.latency_ms, 100 * subgraph.lane_efficiency,
                     to_string(subgraph.bound));
}

}  // namespace assay
