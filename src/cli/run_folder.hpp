// The runs of a folder: what `assay runs` lists, and among which `assay report` finds the newest.
#pragma once

#include "run_summary.hpp"

#include <string>
#include <vector>

namespace assay::cli {

constexpr const char* usual_run_folder = "runs";

// Whatever is called *.journal in the folder: what cannot be read has the state "unreadable", and hides no
// other. Throws InputError when the folder itself cannot be read.
std::vector<RunSummary> runs_in(const std::string& folder);

// By the time at which they began; of those that began within the same second, the highest number first. What
// cannot be read comes last.
void sort_newest_first(std::vector<RunSummary>& runs);

}  // namespace assay::cli
