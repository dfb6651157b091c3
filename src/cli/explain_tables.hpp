// Tables of explained networks, as assay explain and assay diff show them.
#pragma once

#include "assay/explain/explanation.hpp"
#include "assay/explain/network_difference.hpp"
#include "assay/explain/score_parts.hpp"
#include "assay/report/table.hpp"
#include "assay/space/space.hpp"

#include <string>
#include <vector>

namespace assay::cli {

Table stage_table(const NetworkExplanation& explanation);
// For people in few words, for machines every figure.
Table subgraph_table(const NetworkExplanation& explanation, bool people);
Table memory_table(const NetworkExplanation& explanation);
Table score_table(const ScoreStanding& standing);

// "stage1  block=ibn kernel=3": a line per group of decisions, broken where it is too long.
std::vector<std::string> decision_lines(const Space& space, const Candidate& candidate);

// Params, MACs, latency, memory and what else can be compared.
Table totals_table(const NetworkExplanation& a, const NetworkExplanation& b);
// For people only what differs.
Table pair_table(const NetworkExplanation& a, const NetworkExplanation& b, const std::vector<PartPair>& pairs,
                 bool people);
// Score by score: both values, and the difference, also in standard deviations of the others.
Table score_difference_table(const ScoreStanding& a, const ScoreStanding& b);

}  // namespace assay::cli
