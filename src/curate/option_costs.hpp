// The options of one decision side by side: what each costs in the same sampled candidates.
#pragma once

#include "assay/space/curation.hpp"

#include "cost_model.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace assay::curation {

// Of one option in one context. "Touched" is what of the network differs between the options: all subgraphs
// but those that every option has.
struct OptionCosts {
  std::uint64_t fingerprint = 0;
  double params = 0, macs = 0;  // of the whole network
  double touched_ms = 0, touched_macs = 0;
};

// [context][option]; contexts in which some option cannot be built are left out, so that fewer than asked
// for, even none, may come back. With `neutral_multiplier` the depth multiplier is as near to 1 as it gets.
using OptionTable = std::vector<std::vector<OptionCosts>>;
OptionTable compare_options(const SpaceFile& file, std::size_t list, SubgraphLatencies& latencies,
                            int contexts, std::uint64_t seed, bool neutral_multiplier);

// Median over the contexts of option a's value over option b's; 1 where both are 0.
double median_ratio(const OptionTable& table, std::size_t a, std::size_t b, double OptionCosts::*value);

}  // namespace assay::curation
