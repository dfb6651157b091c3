// An explained network in sentences, and stage by stage.
#pragma once

#include "assay/explain/explanation.hpp"

#include <string>
#include <vector>

namespace assay {

// Subgraphs in a row that belong together: by the first part of their names ("stage2") where all names have
// parts, as those of spaces do; else by the resolution at which they work.
struct NetworkStage {
  std::string name;        // "stage2"; "28x28"
  std::string resolution;  // of its last output, "14x14"
  int blocks = 0;          // different second parts of the names; 0 where names have no three parts
  int subgraphs = 0;
  int channels = 0;  // of its last output
  int widest = 0;    // most channels of an output
  std::int64_t params = 0, macs = 0;
  double latency_ms = 0, share = 0;  // NaN without an estimator
};
std::vector<NetworkStage> stages_of(const NetworkExplanation& explanation);

// What it is; where its parameters, MACs, latency and memory go; what bounds it, and how well it fills the
// lanes. A sentence each; names as they stand in the network.
std::vector<std::string> describe(const NetworkExplanation& explanation);

}  // namespace assay
