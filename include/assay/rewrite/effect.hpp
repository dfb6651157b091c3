// What a rewrite does, in figures: to the network as a whole, and to the subgraphs that the accelerator runs.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace assay {

struct NetworkFigures {
  double latency_ms = 0, latency_low_ms = 0, latency_high_ms = 0;
  bool extrapolated = false;
  std::int64_t peak_memory_bytes = 0;
  std::int64_t params = 0, macs = 0;
  double score = std::numeric_limits<double>::quiet_NaN();  // NaN: not asked for, or there is none
  std::vector<double> scores;                               // that it is made of
  std::string score_status;                                 // why there is none
};

// All but the scores. `session` belongs to `estimator`.
NetworkFigures figures_of(const Estimator& estimator, Estimator::Session& session, const Network& network);

// Equal subgraphs of one network.
struct SubgraphCount {
  Subgraph subgraph;
  int count = 0;
  double latency_ms = 0;  // of all of them
  double lane_efficiency = 0;
  Bound bound = Bound::compute;
};

struct Effect {
  // The subgraphs that only the network before, or after, has; those that take longest first.
  std::vector<SubgraphCount> before, after;
  // Useful share of the lanes, weighted by time: of these subgraphs, and of the whole networks.
  double lanes_before = 0, lanes_after = 0;
  double network_lanes_before = 0, network_lanes_after = 0;
};
Effect effect_of(const Estimator& estimator, const Network& before, const Network& after);

// "5 x 3x3 convolution 16->96 s2 160x160 +batch_norm +relu6: 1.23 ms, 96 % of the lanes, bound by memory".
std::string to_text(const SubgraphCount& subgraph);

}  // namespace assay
