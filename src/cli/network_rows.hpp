// Files of measured networks: one column per decision of the space and a column of latencies
// (spaces/accelerators/measurements.md).
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/latency_rows.hpp"
#include "assay/space/space.hpp"

#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct NetworkRow {
  Candidate candidate;
  int line = 0;
  double latency_ms = 0;
  Timing timing;
  Network network;  // canonical, ready to be split
};

struct NetworkRows {
  MeasurementContext context;
  std::vector<NetworkRow> rows;
  int merged = 0;   // rows of the file that repeated others
  int skipped = 0;  // rows without a latency, where they may be skipped
};

// Columns that are neither decisions, nor `target`, nor timing_columns() are ignored. Rows of the
// same candidate, inactive decisions aside, are merged. Throws InputError naming `path` and line as
// CandidateReader does, and for a missing column, a latency that is not a positive number, a unit other than
// ms, a column that can only be in another unit (see check_unit; `accelerator` may be null), contradictory
// rows, rows taken under different conditions, a candidate that cannot be built, or a file without rows.
NetworkRows read_network_rows(const Space& space, const std::string& path,
                              const Accelerator* accelerator = nullptr,
                              std::string_view target = "latency_ms", bool skip_missing = false);
// The same of text at hand; messages call it `path`.
NetworkRows read_network_rows(const Space& space, std::istream& text, const std::string& path,
                              const Accelerator* accelerator = nullptr,
                              std::string_view target = "latency_ms", bool skip_missing = false);

}  // namespace assay::cli
