// Explained networks as JSON, as assay explain and assay diff write them.
#pragma once

#include "assay/explain/explanation.hpp"

#include "chosen_network.hpp"
#include "score_comparison.hpp"

#include <cstddef>

#include <nlohmann/json.hpp>

namespace assay::cli {

// What it is called, its decisions, and the explanation as reports hold it.
nlohmann::ordered_json network_json(const ChosenNetwork& network, const NetworkExplanation& explanation);
// Of network `index`.
nlohmann::ordered_json scores_json(const ComparedScores& scores, std::size_t index);

}  // namespace assay::cli
