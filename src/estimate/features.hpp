// What the regression sees of a subgraph.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/subgraph.hpp"

#include <array>

namespace assay {

// Raised whenever the meaning of a term or extent changes: estimator files of another version are refused.
inline constexpr int feature_version = 1;

// The work terms of the roofline; the fit finds what one unit of each costs in milliseconds.
enum Term : int {
  launch_term,   // 1
  lane_cycles,   // work / lanes / softened lane efficiency
  weight_swaps,  // times that the matrix unit changes its weights
  weight_bytes,
  excess_bytes,      // activations beyond the on-chip memory
  activation_bytes,  // all inputs and outputs
};
inline constexpr int term_count = 6;
using Terms = std::array<double, term_count>;

// One dimension of the unit's lanes; softness as in lane_efficiency().
struct LaneDimension {
  int lanes = 1;
  double softness = 1;
};

// Input channels of one group, output channels, pixels. The vector unit has lanes along the (output) channels
// only.
inline constexpr int lane_dimension_count = 3;
using LaneModel = std::array<LaneDimension, lane_dimension_count>;

// The lanes that the file gives for the unit that runs `subgraph`; 0 where it leaves them open.
LaneModel lanes_from_file(const Accelerator& accelerator, const Subgraph& subgraph);

// Lane efficiency over all dimensions, softened.
double lane_efficiency(const Accelerator& accelerator, const LaneModel& lanes, const Subgraph& subgraph);

Terms terms_of(const Accelerator& accelerator, const LaneModel& lanes, const Subgraph& subgraph,
               const Work& work);

// The sizes whose measured range an estimate should not leave; their logarithms are what the residual is
// regressed on.
inline constexpr int extent_count = 8;
using Extents = std::array<double, extent_count>;
inline constexpr std::array<const char*, extent_count> extent_names = {
    "input_channels", "output_channels", "pixels", "taps", "stride", "work", "weights", "activations"};
// All at least 1.
Extents extents_of(const Subgraph& subgraph, const Work& work);

}  // namespace assay
