// Scores of a few networks beside those of many others.
#pragma once

#include "assay/explain/score_parts.hpp"

#include "arguments.hpp"
#include "chosen_network.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace assay::cli {

struct ComparedScores {
  std::string others;  // what they are compared with, in words; empty: with nothing
  // Per network; without parts where it has no scores, as its status says.
  std::vector<ScoreStanding> standings;
  std::vector<std::string> statuses;  // empty: all is well
};

// Networks of a run are compared with its other evaluations, by the scores that it recorded; whatever else is
// looked at beside them is scored alike. Otherwise the scores that the options name are executed, for random
// candidates of the space, too, as assay score --reference does. nullopt when a stop was requested.
std::optional<ComparedScores> compare_scores(const Arguments& arguments,
                                             const std::vector<ChosenNetwork>& networks,
                                             std::stop_token stop);

// Throws InputError for values of these options that are wrong, also where nothing is to be scored.
void check_comparison(const Arguments& arguments);

// The options that both read: scores, cache, size of the sample.
std::vector<OptionGroup> comparison_options();

}  // namespace assay::cli
