#include "lanes.hpp"

#include "assay/base/error.hpp"

#include "cost_model.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace assay::curation {
namespace {

constexpr int kMostLanes = 128;
// Two periods of the most lanes, and what is behind the second step.
constexpr int kSweep = 2 * kMostLanes + 32;
constexpr std::size_t kMostSubgraphs = 20;
// With less of the climb in steps there is nothing to gain from filling lanes.
constexpr double kLeastShare = 0.1;

// Dense subgraphs of sampled candidates, by the time that they take in all of them.
std::vector<Subgraph> dense_subgraphs(const Space& space, SubgraphLatencies& latencies, int candidates,
                                      std::uint64_t seed) {
  std::map<std::uint64_t, std::pair<double, Subgraph>> found;
  for (int i = 0; i < candidates; ++i) {
    try {
      const Candidate candidate = draw(space, seed, static_cast<std::uint64_t>(i));
      const Network network = executed_network(space, candidate);
      for (const SubgraphInstance& instance : latencies.split(network)) {
        if (!instance.subgraph.is_matrix() || instance.subgraph.groups != 1) continue;
        auto& [latency, subgraph] = found[instance.subgraph.key()];
        latency += latencies(instance.subgraph);
        subgraph = instance.subgraph;
      }
    } catch (const InputError&) {
      continue;  // a candidate that cannot be built has no subgraphs
    }
  }
  std::vector<std::pair<double, Subgraph>> ordered;
  for (auto& [key, entry] : found) ordered.push_back(entry);
  std::ranges::stable_sort(ordered, std::greater{}, &std::pair<double, Subgraph>::first);
  // Evenly from the dearest to the cheapest: the dearest may all wait for their weights, which hides the
  // lanes.
  std::vector<Subgraph> subgraphs;
  const std::size_t count = std::min(kMostSubgraphs, ordered.size());
  for (std::size_t i = 0; i < count; ++i) subgraphs.push_back(ordered[i * ordered.size() / count].second);
  return subgraphs;
}

// The period that explains most of the climb over all sweeps of one dimension.
std::pair<int, double> best_period(std::span<const std::vector<double>> sweeps) {
  std::pair<int, double> best{0, 0};
  for (int period = 2; period <= kMostLanes && !sweeps.empty(); ++period) {
    double share = 0;
    for (const std::vector<double>& sweep : sweeps) share += stepped_share(sweep, period);
    share /= static_cast<double>(sweeps.size());
    if (share > best.second) best = {period, share};
  }
  return best.second >= kLeastShare ? best : std::pair{0, best.second};
}

}  // namespace

double stepped_share(std::span<const double> latencies, int period) {
  double climb = 0, stepped = 0;
  std::size_t steps = 0;
  for (std::size_t i = 0; i + 1 < latencies.size(); ++i) {
    // A drop is a flaw of the regression, no part of the climb.
    const double rise = std::max(0.0, latencies[i + 1] - latencies[i]);
    climb += rise;
    if ((i + 1) % static_cast<std::size_t>(period) != 0) continue;
    ++steps;
    stepped += rise;
  }
  if (climb <= 0) return 0;
  const double even = static_cast<double>(steps) / static_cast<double>(latencies.size() - 1);
  return std::max(0.0, stepped / climb - even);
}

LaneStructure find_lanes(const Space& space, SubgraphLatencies& latencies, int candidates,
                         std::uint64_t seed) {
  const std::vector<Subgraph> subgraphs = dense_subgraphs(space, latencies, candidates, seed);
  std::vector<std::vector<double>> over_inputs, over_outputs;
  for (const Subgraph& subgraph : subgraphs) {
    std::vector<double> inputs, outputs;
    for (int channels = 1; channels <= kSweep; ++channels) {
      Subgraph other = subgraph;
      other.input.channels = channels;
      inputs.push_back(latencies(other));
      other = subgraph;
      other.output.channels = channels;
      outputs.push_back(latencies(other));
    }
    over_inputs.push_back(std::move(inputs));
    over_outputs.push_back(std::move(outputs));
  }
  LaneStructure result;
  std::tie(result.input_lanes, result.input_stepped_share) = best_period(over_inputs);
  std::tie(result.output_lanes, result.output_stepped_share) = best_period(over_outputs);
  result.subgraphs = static_cast<int>(subgraphs.size());
  const int a = std::max(1, result.input_lanes), b = std::max(1, result.output_lanes);
  const int both = std::lcm(a, b) <= kMostLanes ? std::lcm(a, b) : std::max(a, b);
  result.lanes = both > 1 ? both : 0;
  return result;
}

}  // namespace assay::curation
