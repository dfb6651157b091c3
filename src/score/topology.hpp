// What topology scores see of a network: the paths that features take from the input to the map that the
// classifier sees. Gates (squeeze-excite) scale features and are no path.
#pragma once

#include "assay/network/network.hpp"

#include <cstdint>
#include <vector>

namespace assay {

// Weighted operators (convolutions, linear ones) on the longest feature path from the input to each operator,
// it included. Those of a gate count from the map that the gate is computed from.
std::vector<int> levels(const Network& network);

// Operators whose features reach the map that the classifier sees (feature_output), by id; that one included.
std::vector<bool> before_classifier(const Network& network);

// Everything of one resolution.
struct Stage {
  int height = 0, width = 0;
  int depth = 0;              // weighted operators on its longest path
  std::int64_t channels = 0;  // sum of the output channels of its weighted operators
  std::int64_t skipping = 0;  // channels that enter its sums and concatenations over skip links
  double mean_width() const { return depth == 0 ? 0 : static_cast<double>(channels) / depth; }
};

// Stages in execution order, up to the map that the classifier sees. A skip link is an input of a sum or
// concatenation with fewer weighted operators of the stage behind it than the deepest input has.
std::vector<Stage> stages(const Network& network);

}  // namespace assay
