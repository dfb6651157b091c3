#pragma once

#include "plan.hpp"

namespace assay::plan {

// Builds each option of each decision once, so that one that can never be built (0 channels, a kernel beyond
// the padded input, groups that do not divide) is found when the space is read, not after an hour of search.
// Throws InputError naming the option when neither the first nor any of a number of random candidates with it
// can be built.
void probe_options(const Plan& plan);

}  // namespace assay::plan
