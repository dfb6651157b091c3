// How a run came to its result, seen from its end.
#pragma once

#include "assay/search/pareto.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace assay {

// The best so far after `evaluated` evaluations.
struct ConvergenceStep {
  std::int64_t evaluated = 0;
  double best_score = 0;
  // Area that the front of what was evaluated by then dominates, as a share of the final front's. Where the
  // final front dominates nothing (all points cost the same), 1.
  double hypervolume_share = 0;
};

struct RunConvergence {
  std::vector<ConvergenceStep> steps;
  // Evaluations after which the area was first 90 % of the final one and the whole of it, and the best score
  // first the final one: exact. None: no evaluation was good.
  std::optional<std::int64_t> reached_90, reached_full, reached_best;
};

// `points` in the order of evaluation, failed ones with a NaN score. The area is bounded by the median score
// and the dearest cost of the final front (as in choose_shortlist). At most `most` steps, evenly over the
// run, the last one at its end, and none before the first good evaluation. O(n log n + changes of the front x
// its size).
RunConvergence run_convergence(std::span<const Point> points, int most = 300);

}  // namespace assay
