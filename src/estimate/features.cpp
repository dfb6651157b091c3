#include "features.hpp"

#include "assay/accelerator/cycle_model.hpp"

#include <algorithm>

namespace assay {
namespace {

std::array<std::int64_t, lane_dimension_count> units_of(const Accelerator& a, const Subgraph& s) {
  if (on_vector_unit(a, s)) return {1, s.walked().channels, 1};
  return {s.input.channels / s.groups, s.output.channels, std::int64_t{s.output.height} * s.output.width};
}

double groups_of(std::int64_t units, int lanes) {
  return static_cast<double>((units + lanes - 1) / lanes);
}

}  // namespace

LaneModel lanes_from_file(const Accelerator& a, const Subgraph& s) {
  if (on_vector_unit(a, s)) return {{{1, 1}, {a.lanes.vector, 1}, {1, 1}}};
  return {{{a.lanes.input_channels, 1}, {a.lanes.output_channels, 1}, {a.lanes.pixels, 1}}};
}

double lane_efficiency(const Accelerator& a, const LaneModel& lanes, const Subgraph& s) {
  const auto units = units_of(a, s);
  double efficiency = 1;
  for (std::size_t d = 0; d < lanes.size(); ++d) {
    efficiency *= lane_efficiency(units[d], lanes[d].lanes, lanes[d].softness);
  }
  return efficiency;
}

Terms terms_of(const Accelerator& a, const LaneModel& lanes, const Subgraph& s, const Work& work) {
  const bool vector = on_vector_unit(a, s);
  const auto units = units_of(a, s);
  // Per dimension units / lanes / softened efficiency, written without the division: steps of the staircase
  // are then flat to the last bit.
  double cycles = static_cast<double>(s.taps());
  if (vector) cycles = static_cast<double>(s.walked().height) * s.walked().width * vector_ops_per_element(s);
  for (std::size_t d = 0; d < lanes.size(); ++d) {
    const auto [width, softness] = lanes[d];
    cycles *= softness * groups_of(units[d], width) + (1 - softness) * static_cast<double>(units[d]) / width;
  }

  Terms terms{};
  terms[launch_term] = 1;
  terms[lane_cycles] = cycles;
  if (!vector) {
    terms[weight_swaps] = static_cast<double>(s.taps()) * groups_of(units[0], lanes[0].lanes) *
                          groups_of(units[1], lanes[1].lanes);
  }
  const double bytes = a.bytes_per_element();
  terms[weight_bytes] = static_cast<double>(work.weight_elements) * bytes;
  terms[activation_bytes] = static_cast<double>(work.input_elements + work.output_elements) * bytes;
  if (a.sram_kib > 0) terms[excess_bytes] = std::max(0.0, terms[activation_bytes] - a.sram_kib * 1024);
  return terms;
}

Extents extents_of(const Subgraph& s, const Work& work) {
  const Shape walked = s.walked();
  return {static_cast<double>(s.input.channels) / s.groups,
          static_cast<double>(s.output.channels),
          static_cast<double>(walked.height) * walked.width,
          static_cast<double>(s.taps()),
          static_cast<double>(s.stride_h) * s.stride_w,
          static_cast<double>(std::max<std::int64_t>(work.macs + work.vector_ops, 1)),
          static_cast<double>(std::max<std::int64_t>(work.weight_elements, 1)),
          static_cast<double>(work.input_elements + work.output_elements)};
}

}  // namespace assay
