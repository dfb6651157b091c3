// Options that nobody would choose.
#pragma once

#include "assay/space/curation.hpp"

#include "cost_model.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace assay::curation {

struct DominanceSettings {
  int contexts = 48;
  double agreement = 0.95;
  std::uint64_t seed = 1;
};

struct Remaining {
  std::vector<std::string> options;
  std::vector<std::string> reasons;
};

// An option is hopeless when one other option has at least its parameters and multiply-accumulates and takes
// less time (or has more of them for up to 2 % more time) in a share `agreement` of the contexts. The most
// hopeless one goes first, until none is; one always remains.
Remaining drop_hopeless(const SpaceFile& file, std::size_t list, SubgraphLatencies& latencies,
                        const DominanceSettings& settings);

}  // namespace assay::curation
