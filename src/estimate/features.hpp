// What the regression sees of a subgraph.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/subgraph.hpp"

#include <array>

namespace assay {

// Raised whenever the meaning of a term or extent changes: estimator files of another version are refused.
inline constexpr int feature_version = 2;

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

// The sizes whose measured range an estimate should not leave.
inline constexpr int extent_count = 8;
using Extents = std::array<double, extent_count>;
inline constexpr std::array<const char*, extent_count> extent_names = {
    "input_channels", "output_channels", "pixels", "taps", "stride", "work", "weights", "activations"};
// All at least 1.
Extents extents_of(const Subgraph& subgraph, const Work& work);

// Where a subgraph lies among others of its kind; distances between them say how alike their times are.
// Sizes are logarithms to base 2.
enum Coordinate : int {
  input_channels,  // of one group
  output_channels,
  output_pixels,
  input_pixels,
  taps,
  strides,
  pointwise,  // 1 or 0
  winograd,   // 1: a 3x3 convolution with stride 1, which has fast algorithms of its own
  three_by_three,
  image_input,    // 1: up to 4 input channels, the layout of an image
  operands,       // tensors read
  function_cost,  // vector operations per element: of vector work, or of the fused activation
  shape_coordinates,
  // How many tiles of 64 output channels x 64 pixels there are, and the channels' alignment.
  tiles = shape_coordinates,
  input_alignment,  // log2 of the largest power of two in the channels, up to 64
  output_alignment,
  // ceil(tiles / cores) cores / tiles for tiles of 64 x 64, 64 x 128 and 128 x 128: how the last round of
  // tiles fills the cores.
  first_wave,
  first_fill = first_wave + 3,
  // ceil(u / p) p / u for u the output channels, pixels, input channels and p = 32, 64, 128.
  coordinate_count = first_fill + 9
};
using Coordinates = std::array<double, coordinate_count>;
Coordinates coordinates_of(const Accelerator& accelerator, const Subgraph& subgraph);

}  // namespace assay
