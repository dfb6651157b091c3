// Limits on what a candidate may cost, as the commands that look for candidates take them.
#pragma once

#include "assay/search/budget.hpp"

#include "arguments.hpp"

#include <string>

namespace assay::cli {

// --latency-ms, --memory-kib, --params and --macs.
OptionGroup budget_options(std::string title);
// Throws InputError for a limit on latency where there is no estimator to tell it.
Budget budget_of(const Arguments& arguments, bool has_estimator);

}  // namespace assay::cli
