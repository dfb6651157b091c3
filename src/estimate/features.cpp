#include "features.hpp"

#include "assay/accelerator/cycle_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace assay {
namespace {

std::array<std::int64_t, lane_dimension_count> units_of(const Accelerator& a, const Subgraph& s) {
  const Shape walked = s.walked();
  if (on_vector_unit(a, s)) return {1, walked.channels, 1};
  return {s.input.channels / s.groups, s.output.channels, std::int64_t{walked.height} * walked.width};
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

Coordinates coordinates_of(const Accelerator& a, const Subgraph& s) {
  const std::array<std::int64_t, 3> units = {
      s.output.channels, std::int64_t{s.output.height} * s.output.width, s.input.channels / s.groups};
  const auto log2_of = [](auto size) { return std::log2(static_cast<double>(size)); };
  const auto alignment = [](std::int32_t channels) {
    return std::min(std::countr_zero(static_cast<std::uint32_t>(channels)), 6);
  };
  Coordinates x{};
  x[input_channels] = log2_of(units[2]);
  x[output_channels] = log2_of(units[0]);
  x[output_pixels] = log2_of(units[1]);
  x[input_pixels] = log2_of(std::int64_t{s.input.height} * s.input.width);
  x[taps] = log2_of(s.taps());
  x[strides] = log2_of(std::int64_t{s.stride_h} * s.stride_w);
  x[pointwise] = s.taps() == 1;
  x[three_by_three] = s.kernel_h == 3 && s.kernel_w == 3;
  x[winograd] = x[three_by_three] == 1 && s.stride_h == 1 && s.stride_w == 1;
  x[image_input] = units[2] <= 4;
  x[operands] = s.operands;
  if (!s.is_matrix()) {
    // A gate is told from a product of two tensors, which costs the same operations.
    x[function_cost] = log2_of(vector_ops_per_element(s)) + (s.has(Subgraph::gate) ? 0.5 : 0);
  } else if (s.has(Subgraph::activated)) {
    Subgraph alone;
    alone.kind = OpKind::activation;
    alone.activation = s.activation;
    x[function_cost] = log2_of(vector_ops_per_element(alone));
  }
  const auto rounds = [](std::int64_t size, std::int64_t by) { return (size + by - 1) / by; };
  x[tiles] = log2_of(rounds(units[0], 64) * rounds(units[1], 64));
  x[input_alignment] = alignment(s.input.channels / s.groups);
  x[output_alignment] = alignment(s.output.channels);
  int next = first_wave;
  constexpr std::array<std::array<std::int64_t, 2>, 3> tile_sizes = {{{64, 64}, {64, 128}, {128, 128}}};
  for (const auto& [channels, pixels] : tile_sizes) {
    const std::int64_t count = rounds(units[0], channels) * rounds(units[1], pixels);
    x[next++] = log2_of(rounds(count, a.lanes.cores) * a.lanes.cores) - log2_of(count);
  }
  for (const std::int64_t unit : units) {
    for (const std::int64_t lanes : {32, 64, 128})
      x[next++] = log2_of(rounds(unit, lanes) * lanes) - log2_of(unit);
  }
  return x;
}

}  // namespace assay
