// The shortlist of a run as a table: one description of its columns for everything that shows it.
#pragma once

#include "assay/report/run_report.hpp"
#include "assay/report/table.hpp"

namespace assay {

// Of report.shortlist, .baseline, .cost, .scores and .decisions. For people the baseline stands below the
// others and decisions are left out; for machines every score and decision is a column, and the rows are what
// was found.
Table shortlist_table(const RunReport& report, bool people);

}  // namespace assay
