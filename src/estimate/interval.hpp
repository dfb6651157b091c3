// The prediction interval of an estimator, from the errors that cross-validation saw.
#pragma once

#include "model.hpp"
#include "problem.hpp"

#include <cstdint>
#include <vector>

namespace assay {

// Sets the intervals of `model`, the rest of which is fitted. `unseen`: what the models of the other folds
// predict for each row. That of networks comes from the networks where there are enough of them, else from
// sums of random subgraphs.
void set_intervals(Estimator::Model& model, const Problem& problem, const std::vector<double>& unseen,
                   std::uint64_t seed);

}  // namespace assay
