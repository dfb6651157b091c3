// What assay advise prints: the way to the result, why each step pays, and what was tried and does not.
#pragma once

#include "assay/report/table.hpp"
#include "assay/rewrite/plan.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace assay::cli {

struct AdviceReport {
  std::string source;    // of the original
  std::string hardware;  // the accelerator's name
  const RewritePlan& plan;
  std::vector<std::string> scores;  // names
  std::size_t tried = 0;            // rejected steps that people see at most
};

// Everything, one row a network: the original, every step alone on it, the steps taken, and every step that
// the result still offers.
Table advice_table(const AdviceReport& report);

// For people; `list`: only what each step does alone.
std::string advice_text(const AdviceReport& report, bool list, int width, bool colour);

}  // namespace assay::cli
