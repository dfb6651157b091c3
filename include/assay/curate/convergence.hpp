// Whether a search finds in one space sooner what it finds in another.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/space/space.hpp"

#include <cstdint>
#include <vector>

namespace assay {

struct ConvergenceSettings {
  int seeds = 20;
  int evaluations = 1000;  // of each search: what `assay search` does by default
  double max_latency_ms =
      0;                   // budget of every search; 0: the median of sampled candidates of the first space
  std::uint64_t seed = 1;  // of the first search; the others count up
};

// One space's searches: regularised evolution (search/strategy.hpp) for the score "capacity", which is read
// off the network, under the latency budget. Only networks that meet the budget count as evaluations.
struct SpaceConvergence {
  std::vector<int> evaluations;  // a seed: until the target was reached; 0: it was not
  std::vector<double> best;      // a seed: the best score found
  int reached = 0;               // seeds
  // Median over the seeds; those that did not get there count as the whole budget and one more.
  double median_evaluations = 0;
  double median_best = 0;
};

// The target is the highest score that more than half of the searches in the original space reach, so that
// both spaces are asked for the same and the original's median is one of evaluations that took place.
struct Convergence {
  double max_latency_ms = 0;
  double target = 0;
  int budget = 0;
  SpaceConvergence original, curated;
  // The original's median over the curated one's.
  double speedup() const { return original.median_evaluations / curated.median_evaluations; }
};

// Deterministic. Throws InputError when the original has no candidate within the budget; a curated space
// without one has reached nothing.
Convergence measure_convergence(const Space& original, const Space& curated, const Estimator& estimator,
                                const ConvergenceSettings& settings = {});

}  // namespace assay
