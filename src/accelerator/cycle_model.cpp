#include "assay/accelerator/cycle_model.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace assay {
namespace {

std::int64_t groups_of(std::int64_t units, int lanes) {
  return (units + lanes - 1) / lanes;
}

struct UnitTime {
  double cycles = 0;
  double lane_efficiency = 0;
};

UnitTime matrix_time(const Accelerator& a, const Subgraph& s) {
  const std::int64_t inputs = s.input.channels / s.groups;
  const Shape walked = s.walked();
  const std::int64_t pixels = std::int64_t{walked.height} * walked.width;
  const std::int64_t tiles = s.taps() * groups_of(inputs, a.lanes.input_channels) *
                             groups_of(s.output.channels, a.lanes.output_channels);
  const double rate = a.macs_per_lane[static_cast<std::size_t>(a.number_format)];
  const double sweep = static_cast<double>(groups_of(pixels, a.lanes.pixels)) / rate;
  return {static_cast<double>(tiles) * (sweep + a.weight_swap_cycles),
          lane_efficiency(inputs, a.lanes.input_channels) *
              lane_efficiency(s.output.channels, a.lanes.output_channels) *
              lane_efficiency(pixels, a.lanes.pixels)};
}

UnitTime vector_time(const Accelerator& a, const Subgraph& s) {
  const Shape& walked = s.walked();
  const double pixels = static_cast<double>(walked.height) * walked.width;
  return {
      pixels * vector_ops_per_element(s) * static_cast<double>(groups_of(walked.channels, a.lanes.vector)),
      lane_efficiency(walked.channels, a.lanes.vector)};
}

}  // namespace

std::string_view to_string(Bound bound) {
  switch (bound) {
    case Bound::compute:
      return "compute";
    case Bound::memory:
      return "memory";
    case Bound::overhead:
      break;
  }
  return "overhead";
}

void require_cycle_model(const Accelerator& a) {
  std::vector<std::string> missing;
  if (a.lanes.input_channels == 0) missing.emplace_back("lanes.input_channels");
  if (a.lanes.output_channels == 0) missing.emplace_back("lanes.output_channels");
  if (a.lanes.pixels == 0) missing.emplace_back("lanes.pixels");
  if (a.lanes.vector == 0) missing.emplace_back("lanes.vector");
  if (a.sram_kib == 0) missing.emplace_back("memory.sram_kib");
  if (a.bandwidth_gb_s == 0) missing.emplace_back("memory.bandwidth_gb_s");
  if (missing.empty()) return;
  throw InputError(fmt::format(
      "The accelerator \"{}\" leaves {} open, so there is no cycle model of it. Add the missing keys to its "
      "file, or use an estimator that was fitted to measurements.",
      a.name, join(missing, ", ")));
}

double lane_efficiency(std::int64_t units, int lanes, double softness) {
  const double efficiency =
      static_cast<double>(units) / (static_cast<double>(groups_of(units, lanes)) * lanes);
  return 1 / ((1 - softness) + softness / efficiency);
}

LaneFill nearest_lane_fill(int channels, int lanes) {
  const int below = std::max(channels / lanes, 1) * lanes;
  return {below, static_cast<int>(groups_of(channels, lanes)) * lanes};
}

CycleEstimate run_cycle_model(const Accelerator& a, const Subgraph& s) {
  const UnitTime unit = on_vector_unit(a, s) ? vector_time(a, s) : matrix_time(a, s);

  CycleEstimate out;
  out.compute_cycles = unit.cycles;
  out.lane_efficiency = unit.lane_efficiency;
  out.memory_bytes = off_chip_bytes(a, work_of(s));
  out.compute_ms = out.compute_cycles / (a.clock_mhz * 1e3);
  out.memory_ms = out.memory_bytes / (a.bandwidth_gb_s * 1e6);
  out.overhead_ms = a.launch_us * 1e-3;
  const auto [shorter, longer] = std::minmax(out.compute_ms, out.memory_ms);
  out.latency_ms = out.overhead_ms + longer + (1 - a.overlap) * shorter;
  out.bound = out.overhead_ms > longer         ? Bound::overhead
              : out.memory_ms > out.compute_ms ? Bound::memory
                                               : Bound::compute;
  return out;
}

bool on_vector_unit(const Accelerator& a, const Subgraph& s) {
  return !s.is_matrix() || (s.is_depthwise() && a.depthwise == DepthwiseUnit::vector);
}

double off_chip_bytes(const Accelerator& a, const Work& work) {
  const double activations =
      static_cast<double>(work.input_elements + work.output_elements) * a.bytes_per_element();
  const double excess = std::max(0.0, activations - a.sram_kib * 1024);
  return static_cast<double>(work.weight_elements) * a.bytes_per_element() + excess;
}

}  // namespace assay
