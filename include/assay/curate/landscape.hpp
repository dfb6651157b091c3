// How rocky a search space is on an accelerator: whether less work means less time, and how easily a search
// that only ever takes the next better candidate gets stuck.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/space/space.hpp"

#include <cstdint>

namespace assay {

struct LandscapeSettings {
  int candidates = 300;  // drawn uniformly; each is compared with all its neighbours
  int descents = 60;
  // Descents stay at or above so many multiply-accumulates; 0: the median of the candidates.
  std::int64_t least_macs = 0;
  std::uint64_t seed = 1;
};

// A step changes one decision to the option before or after it in the file. Only steps that change the
// multiply-accumulates count: `steps` = falling + rising + flat, seen in the direction in which they fall.
struct Landscape {
  int candidates = 0;
  int extrapolated = 0;  // candidates with a subgraph outside of what the estimator was fitted to
  std::int64_t steps = 0;
  std::int64_t rising = 0;  // less work, more latency
  std::int64_t flat = 0;    // less work, the latency less than 0.1 % lower: work that was for free
  // Of multiply-accumulates with latency over the candidates; NaN when all are alike.
  double spearman = 0, pearson = 0;
  double median_latency_ms = 0;
  std::int64_t least_macs = 0;

  // A descent begins at a random candidate of at least `least_macs` and takes random steps (also such that
  // change no work) that lower the latency and keep the floor, until there is none: a local minimum of
  // latency under a floor on capacity.
  int descents = 0;
  int minima = 0;               // distinct networks among the ends
  double excess_percent = 0;    // median latency of the ends above the best end
  double best_latency_ms = 0;   // of the ends
  double steps_to_minimum = 0;  // median

  // Steps for which less work is not more latency.
  double monotone_share() const;
  double flat_share() const;
};

// Deterministic. Candidates that cannot be built are passed over. Throws InputError when none can.
Landscape measure_landscape(const Space& space, const Estimator& estimator,
                            const LandscapeSettings& settings = {});

}  // namespace assay
