// A search in progress, for the display.
#pragma once

#include "assay/search/search.hpp"

#include "progress_view.hpp"
#include "score_service.hpp"

#include <string>

namespace assay::cli {

// `front_metric` is what the rank score is traded against.
ProgressState search_state(const std::string& space, const SearchSettings& settings, const Progress& progress,
                           const ScoreOrigins& origins);

// "latency 12, memory 3", most first; empty: nothing was rejected.
std::string rejections_text(const Counts& counts);
// "not_executable 3, not_finite 1"; empty when none failed.
std::string failures_text(const Counts& counts);

}  // namespace assay::cli
