// The accelerator's channel lanes as the estimator knows them, read off the staircases that its predictions
// climb.
#pragma once

#include "assay/curate/curate.hpp"

#include "cost_model.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay::curation {

// The share of a climb that comes in steps behind multiples of `period`, beyond the share that an even climb
// would have there: in [0, 1). latencies[i] belongs to i + 1 channels.
double stepped_share(std::span<const double> latencies, int period);

// Sweeps the input and, by themselves, the output channels of the dense convolutions and linear subgraphs of
// sampled candidates from 1 on and looks for the period of the steps.
LaneStructure find_lanes(const Space& space, SubgraphLatencies& latencies, int candidates,
                         std::uint64_t seed);

}  // namespace assay::curation
