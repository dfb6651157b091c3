// Measured (or modelled) latencies of subgraphs, and their CSV form, so that anyone brings timings from a
// phone, an FPGA or a simulation.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/subgraph.hpp"

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct SubgraphMeasurement {
  Subgraph subgraph;
  double latency_ms = 0;
};

// Under which conditions all rows of a file were taken.
struct MeasurementContext {
  std::string device;  // accelerator name, "host_cpu", ...
  int batch = 1;
  std::string data_type;  // "int8", "fp32"
  std::string runtime;    // "cycle model", "oneDNN 2.6.3"
  double clock_mhz = 0;   // 0: not known
  int threads = 1;
  friend bool operator==(const MeasurementContext&, const MeasurementContext&) = default;
};

struct MeasurementSet {
  MeasurementContext context;
  std::vector<SubgraphMeasurement> rows;
};

// Columns: operator, activation, fused ("bias+batch_norm+activation+add+multiply", "gate"), operands,
// in_channels, in_height, in_width, out_channels, out_height, out_width, kernel_h, kernel_w, stride_h,
// stride_w, dilation_h, dilation_w, groups, latency_ms, unit (always "ms"), device, batch, data_type,
// runtime, clock_mhz, threads.
std::string to_csv(const MeasurementSet& measurements);

// operator, in_*, out_* and latency_ms are required; other columns have their defaults (kernel, stride,
// dilation, groups, batch, threads 1; the rest empty) and unknown columns are ignored. Throws InputError
// naming source and line for a missing column, an impossible subgraph, a latency that is not a positive
// number, a unit other than ms, or rows taken under different conditions.
MeasurementSet read_measurements(std::istream& in, const std::string& source);

// "Measures" on the cycle model. noise: standard deviation of the log of a factor on each latency, drawn per
// (seed, subgraph), so that equal subgraphs get equal values.
MeasurementSet measure_on_model(const Accelerator& accelerator, std::span<const Subgraph> subgraphs,
                                double noise = 0, std::uint64_t seed = 1);

}  // namespace assay
