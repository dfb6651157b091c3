// A slice through a space: two decisions vary, everything else stays as in one candidate.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/space/space.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace assay {

struct DecisionGrid {
  std::size_t row_decision = 0, column_decision = 0;
  // Options in ascending order of their values, where all are numbers; else in the order of the space.
  std::vector<std::uint16_t> row_options, column_options;
  // [row][column]; NaN where the candidate cannot be built or breaks a constraint, and, of latencies, without
  // an estimator. MACs and latency are those of what runs, dead and zero operators left out.
  std::vector<std::vector<double>> macs, latency_ms;
};

// `estimator` may be null. Throws InputError when both decisions are the same.
DecisionGrid decision_grid(const Space& space, const Candidate& centre, std::size_t row_decision,
                           std::size_t column_decision, const Estimator* estimator);

// Shares of the steps to the next row or column that lower the MACs; 0 and 0 where no step lowers them.
struct StepShares {
  double rising = 0;  // raise the value by more than rounding
  double flat = 0;    // lower it by less than 0.1 %, or not at all: work that was for free
};
StepShares step_shares(const std::vector<std::vector<double>>& macs,
                       const std::vector<std::vector<double>>& values);

// The two decisions of which a landscape shows most. Of the numbers that change something in `centre`, those
// with three options and more come first, channel counts before others (latency over them is a staircase),
// each by descending `importance` (one per decision). Among the first six, the pair whose latency is rockiest
// is taken: most rising steps, then most flat ones; the first pair where all are smooth, or without an
// estimator. Those that `beside`, a space that is looked at beside this one, leaves no choice come after all
// others. nullopt where fewer than two are left.
std::optional<std::pair<std::size_t, std::size_t>> choose_grid_decisions(const Space& space,
                                                                         const Candidate& centre,
                                                                         std::span<const double> importance,
                                                                         const Estimator* estimator,
                                                                         const Space* beside = nullptr);

// The candidate of `to` that is nearest to a candidate of `from`, decision by decision of the same name: the
// option of the same text, else, among numbers, the nearest one, else the first. nullopt where that breaks a
// constraint of `to`.
std::optional<Candidate> nearest_candidate(const Space& from, const Candidate& candidate, const Space& to);

}  // namespace assay
