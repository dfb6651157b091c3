// Measured (or modelled) latencies of subgraphs, and their CSV form, so that anyone brings timings from a
// phone, an FPGA or a simulation.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/latency_rows.hpp"
#include "assay/accelerator/subgraph.hpp"

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct SubgraphMeasurement {
  Subgraph subgraph;
  double latency_ms = 0;
  Timing timing = {};
};

struct MeasurementSet {
  MeasurementContext context;
  std::vector<SubgraphMeasurement> rows;
  int merged = 0;   // rows of the file that repeated others
  int skipped = 0;  // rows without a latency, where they may be skipped
};

// Columns: operator, activation, fused ("bias+batch_norm+activation+add+multiply", "gate"), operands,
// in_channels, in_height, in_width, out_channels, out_height, out_width, kernel_h, kernel_w, stride_h,
// stride_w, dilation_h, dilation_w, groups, and timing_columns(). spaces/accelerators/measurements.md
// explains them.
std::string to_csv(const MeasurementSet& measurements);
// The same piece by piece, for files that grow.
std::string measurement_header();
std::string measurement_row(const MeasurementContext& context, const SubgraphMeasurement& row);

// operator, in_*, out_* and `target` are required; other columns have their defaults (kernel, stride,
// dilation, groups, batch, threads 1; the rest empty) and unknown columns are ignored. Rows of the same
// subgraph are merged. Throws InputError naming source and line for a missing column, an impossible subgraph,
// a latency that is not a positive number, a unit other than ms, a column that can only be in another unit
// (see check_unit; `accelerator` may be null), contradictory rows, or rows taken under different conditions.
MeasurementSet read_measurements(std::istream& in, const std::string& source,
                                 const Accelerator* accelerator = nullptr,
                                 std::string_view target = "latency_ms", bool skip_missing = false);

// "Measures" on the cycle model. noise: standard deviation of the log of a factor on each latency, drawn per
// (seed, subgraph), so that equal subgraphs get equal values.
MeasurementSet measure_on_model(const Accelerator& accelerator, std::span<const Subgraph> subgraphs,
                                double noise = 0, std::uint64_t seed = 1);

}  // namespace assay
