// Moving widths to where they fill the lanes.
#pragma once

#include "cost_model.hpp"
#include "widths.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace assay::curation {

struct NewOptions {
  std::vector<std::string> options;  // in the order of the old ones, equal ones merged
  std::vector<std::string> reasons;  // what moved
  std::vector<std::string> notes;    // what did not, and why
};

struct FillSettings {
  int lanes = 0;
  int contexts = 48;
  std::uint64_t seed = 1;
};

// An option that is a number of channels goes to the nearest multiple of the lanes, up where both are as
// near, if the subgraphs that it touches do more work in a millisecond there. Farther up only where that is
// free. A ratio goes to the nearest one with which the widths that it sets fill the lanes.
NewOptions fill_lanes(const SpaceFile& file, const WidthList& width, SubgraphLatencies& latencies,
                      const FillSettings& settings);

}  // namespace assay::curation
