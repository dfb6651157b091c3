// Measurement files as fit and validate take them: of subgraphs, of networks of one or several spaces, or
// both.
#pragma once

#include "assay/accelerator/measurement.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/space/space.hpp"

#include "arguments.hpp"
#include "network_rows.hpp"

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct MeasuredNetwork {
  const Space* space = nullptr;
  std::string source;
  NetworkRow row;
};

struct MeasuredRows {
  std::deque<Space> spaces;
  std::vector<SubgraphMeasurement> subgraphs;
  std::vector<MeasuredNetwork> networks;
  MeasurementContext context;  // of the first file
  double reference_ms = 0;     // the machine speed that latencies stand for; 0: not known
  int merged = 0;              // rows that repeated others
  int skipped = 0;             // rows without a latency, where that is allowed

  std::size_t size() const { return subgraphs.size() + networks.size(); }
  std::vector<NetworkMeasurement> network_measurements() const;
};

OptionGroup measured_rows_options();

// From the positional arguments and --space, --measurements, --target and --skip-missing. A file with the columns "operator" and
// "in_channels" holds subgraphs; any other holds networks of the first space whose decisions it has as
// columns. Latencies of rows that say how fast the machine was are brought to one speed: that of
// `reference_ms`, or their median where it is 0. Throws InputError as read_measurements and
// read_network_rows, for files taken under different conditions, and for a file that belongs to none of the
// spaces.
MeasuredRows read_measured_rows(const Arguments& arguments, const Accelerator& accelerator,
                                double reference_ms = 0);

}  // namespace assay::cli
