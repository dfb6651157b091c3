// What a journal holds, and what follows from it, as a report.
#pragma once

#include "assay/report/run_report.hpp"

#include "recorded_run.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace assay::cli {

struct ReportSettings {
  // Two decisions whose landscape is shown; empty: the two of which it shows most.
  std::vector<std::string> landscape;
  // Evaluated candidates that are kept for plots; the front and the shortlist always are.
  std::int64_t candidates = 10'000;
  // Without it only what the journal itself holds is reported: no networks, landscapes and importances.
  bool analysis = true;
};

// Throws InputError for a landscape of decisions that the space does not have.
RunReport make_report(const RecordedRun& run, const ReportSettings& settings = {});

// As the journal holds it; without a recipe while it goes on.
ReportTraining report_training(const TrainingRow& row);

}  // namespace assay::cli
