// Two networks, subgraph by subgraph.
#pragma once

#include "assay/explain/explanation.hpp"

#include <string>
#include <vector>

namespace assay {

enum class PartChange { same, changed, removed, added };  // removed: only in A; added: only in B
std::string_view to_string(PartChange change);

struct PartPair {
  int a = -1, b = -1;  // indices of subgraphs; -1: it has no counterpart
  PartChange change = PartChange::same;
};

// An alignment of both sequences of subgraphs with the least edit distance (Needleman and Wunsch 1970): equal
// operators and shapes are the same; subgraphs of one kind and name are rather changed than replaced, others
// of one kind hardly; different kinds never are. In the order of both networks, what is removed before what
// is added.
std::vector<PartPair> align_subgraphs(const NetworkExplanation& a, const NetworkExplanation& b);

// What explains most of the difference, in words: of latency where both have it, else of MACs. "B takes 12 %
// less time than A (0.213 ms instead of 0.242 ms). Most of that, 71 %, comes from stage4.block2.expand (1x1
// conv 64→256 @14 instead of 1x1 conv 64→384 @14)." Where some parts take more and others less, shares are of
// what changes the way of the whole, and the sentence says how much goes each way.
std::string main_difference(const NetworkExplanation& a, const NetworkExplanation& b,
                            const std::vector<PartPair>& pairs);

}  // namespace assay
