// A lane and roofline model of an accelerator, for hardware that has no compiler or silicon yet.
//
// Matrix unit: cycles = taps * ceil(input channels per group / L_ic) * ceil(output channels / L_oc)
//                     * ceil(output pixels / L_px) / (MACs per lane and cycle)
//                     + swap cycles * taps * ceil(.../L_ic) * ceil(.../L_oc).
// Each ceiling wastes lanes: the efficiency of a dimension of u units on p lanes is
// eff = u / (ceil(u / p) p), the unroll efficiency of ANNETTE (Wess et al. 2021, "ANNETTE: Accurate Neural
// Network Execution Time Estimation with Stacked Models"). Groups lie side by side on the output-channel
// lanes, so a depthwise convolution fills one input-channel lane of L_ic. A transposed convolution sweeps the
// pixels of its input instead, each of which meets every tap once; accelerators that slide a window over an
// input spread with zeros take up to stride^2 times that. Vector unit: cycles = operations per element *
// pixels * ceil(channels / L_vec). Roofline (Williams et al. 2009): latency = launch +
// max(compute, memory) + (1 - overlap) min(compute, memory). Memory time: weights always come from off-chip;
// activations stay on chip as far as the subgraph's operands and result fit there, and the excess crosses the
// off-chip interface once.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/subgraph.hpp"

#include <string_view>

namespace assay {

enum class Bound : std::uint8_t { compute, memory, overhead };
std::string_view to_string(Bound bound);

struct CycleEstimate {
  double compute_cycles = 0;
  double memory_bytes = 0;  // over the off-chip interface
  double compute_ms = 0, memory_ms = 0, overhead_ms = 0;
  double latency_ms = 0;
  double lane_efficiency = 0;    // useful share of the unit's lanes while it computes, (0, 1]
  Bound bound = Bound::compute;  // the largest of the three times
};

// Throws InputError naming the missing keys when the accelerator leaves something open.
void require_cycle_model(const Accelerator& accelerator);

// `accelerator` must meet require_cycle_model.
CycleEstimate run_cycle_model(const Accelerator& accelerator, const Subgraph& subgraph);

// Whether the vector unit computes it: everything but convolutions and linear operators, and depthwise
// convolutions where the accelerator says so.
bool on_vector_unit(const Accelerator& accelerator, const Subgraph& subgraph);

// Weights, and what of the activations exceeds the on-chip memory.
double off_chip_bytes(const Accelerator& accelerator, const Work& work);

// Useful share of `lanes` lanes that work through `units` units: eff = units / (ceil(units / lanes) lanes),
// softened to 1 / ((1 - softness) + softness / eff), ANNETTE's alpha: at softness 0 nothing is wasted.
double lane_efficiency(std::int64_t units, int lanes, double softness = 1);

// The largest and smallest multiples of `lanes` that are <= and >= channels (the lower one at least `lanes`).
struct LaneFill {
  int lower = 0;
  int upper = 0;
};
LaneFill nearest_lane_fill(int channels, int lanes);

}  // namespace assay
