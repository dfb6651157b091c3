// A report of a run as people read it, in parts that a terminal and Markdown show alike.
#pragma once

#include "assay/report/run_report.hpp"
#include "assay/report/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace assay {

struct RunSection {
  std::string title;                   // empty: the answer itself
  std::vector<std::string> sentences;  // above the table
  std::optional<Table> table;
  std::vector<std::string> lines;  // below it, to be copied: shown as they are
};

std::vector<RunSection> run_sections(const RunReport& report);

}  // namespace assay
