// A network subgraph by subgraph: where its latency goes and what would lower it, and where its memory peaks.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/estimate/advice.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/report/table.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace assay::cli {

// For people: short words, as much as a terminal is wide, and totals. For machines: every figure of the
// advice.
class LayerReport {
 public:
  LayerReport(const Estimator& estimator, bool people, bool several);

  // `row` counts the networks from 1.
  void add(const Network& network, std::int64_t row);
  const Table& table() const { return table_; }

 private:
  const Advice& advice_of(const SubgraphPrediction& part);

  const Estimator& estimator_;
  bool people_;
  Table table_;
  std::unordered_map<std::uint64_t, Advice> known_;  // by subgraph: networks of a space share most of them
};

// For machines a row per step: in the order in which the accelerator file counts ("counted"), and in the
// order of the lowest peak where that is lower ("lowest_peak"); `proven` where no order has a lower peak. For
// people a bar per subgraph, and what moves in the better order.
class MemoryReport {
 public:
  MemoryReport(const Accelerator& accelerator, bool people, bool several);

  void add(const Network& network, std::int64_t row);
  const Table& table() const { return table_; }
  // For people: all of it.
  std::string text(int width, bool colour) const;

 private:
  const Accelerator& accelerator_;
  bool people_;
  Table table_;
  Table moves_;
  std::string words_;
};

}  // namespace assay::cli
