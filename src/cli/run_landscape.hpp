// What a run's space looks like around its winner: which decisions matter, and how latency goes over two of
// them.
#pragma once

#include "assay/report/run_report.hpp"

#include "recorded_run.hpp"

#include <string>
#include <vector>

namespace assay::cli {

// Adds importances and slices to a report that has its shortlist. Needs run.space.
// `decisions`: the two of the slices, or none. Throws InputError for decisions that the space does not have.
void add_landscape(RunReport& report, const RecordedRun& run, const RunStanding& standing,
                   const std::vector<std::string>& decisions);

}  // namespace assay::cli
