// What rows of measured subgraphs and rows of measured networks have in common: the columns that say how long
// something took and under which conditions, and the judgement of a column of latencies as a whole.
#pragma once

#include "assay/accelerator/accelerator.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// How a latency was arrived at; 0 where a file does not say.
struct Timing {
  double min_ms = 0, median_ms = 0;  // over the repeats
  // Relative difference between the medians of the odd and of the even repeats.
  double noise_percent = 0;
  // What a fixed small workload took while this was measured: the machine's speed on that day.
  double reference_ms = 0;
};

// The latency at the speed at which the reference workload takes `reference_ms`: what makes rows of different
// hours and days comparable. Unchanged where either reference is missing.
inline double at_reference_speed(double latency_ms, const Timing& timing, double reference_ms) {
  const bool known = timing.reference_ms > 0 && reference_ms > 0;
  return known ? latency_ms * reference_ms / timing.reference_ms : latency_ms;
}

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

// latency_ms, min_ms, median_ms, noise_percent, reference_ms, unit (always "ms"), device, batch, data_type,
// runtime, clock_mhz, threads: the columns that both kinds of rows end with, and their fields.
std::span<const std::string_view> timing_columns();
std::vector<std::string> timing_fields(const MeasurementContext& context, double latency_ms,
                                       const Timing& timing);

struct TimedRow {
  double latency_ms = 0;
  Timing timing;
  MeasurementContext context;
};

// `field_of` gives the text of a column, empty where there is none; `target` is the column of latencies, in
// milliseconds unless its name ends with _us, _s, or _per_s (networks a second: the latency is the inverse). All
// other columns are optional. Throws InputError beginning with `place` for a latency that is missing or not a
// positive finite number, another unit than ms, and any other column that makes no sense.
using FieldOf = std::function<std::string_view(std::string_view column)>;
TimedRow read_timed_row(const FieldOf& field_of, std::string_view target, const std::string& place);

// One row, before its file is judged as a whole.
struct LatencyRow {
  std::uint64_t key = 0;  // equal for rows of the same subgraph or network
  int line = 0;
  double latency_ms = 0;
  double macs = 0;  // 0: no matrix work
};

// Throws InputError with a hint when the column can only be in another unit: seconds, when the median row
// with matrix work would be faster than three times the accelerator's peak (10^15 multiply-accumulates a
// second where no peak is known); microseconds or less, when even the fastest tenth would use less than a
// thousandth of the peak (10^6 a second).
void check_unit(std::span<const LatencyRow> rows, std::string_view target, const std::string& source,
                const Accelerator* accelerator);

// Rows of one key become one, with the median latency, where the key first stood. Throws InputError naming
// both lines when two of them differ by more than a factor of 1.5; `what` is "subgraph" or "network".
struct MergedRow {
  std::size_t row = 0;  // the first of its key
  double latency_ms = 0;
};
std::vector<MergedRow> merge_duplicates(std::span<const LatencyRow> rows, std::string_view target,
                                        std::string_view what, const std::string& source);

}  // namespace assay
