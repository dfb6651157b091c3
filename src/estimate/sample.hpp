// Choosing which subgraphs of some networks to measure.
#pragma once

#include "assay/accelerator/subgraph.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// About `count` distinct subgraphs, by kind in proportion to how many distinct ones the networks hold, but a
// minimum of each kind; the smallest and largest of every extent are among them, so that the fit covers the
// networks' range. Where a kind has too few, variations of its sizes fill up. Depends on the set of networks
// and the seed alone.
std::vector<Subgraph> sample_subgraphs(const FusionRules& rules, std::span<const Network* const> networks,
                                       std::size_t count, std::uint64_t seed);

}  // namespace assay
