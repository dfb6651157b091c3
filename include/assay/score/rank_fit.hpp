// Weights of the rank score, learned from a few known accuracies.
//
// With 20 to 50 accuracies and a dozen scores that say nearly the same, least squares would fit noise. So the
// weights have to explain order only, are not negative (a score's direction is known), and are drawn towards
// weights p that are known to be sensible, equal ones or those of the default rank score:
//
//   minimise over w >= 0   mean over pairs (i more accurate than j) of log(1 + exp(-w . (x_i - x_j)))
//                          + shrinkage |w - s p|^2
//
// x: log(rank / n) of every score, direction applied, taken over a large cohort of which the known rows are a
// part (ranks among thirty rows would throw away what is known about the space). s: the scale at which p
// alone fits best. The loss is that of Bradley and Terry (1952) for paired comparisons, which RankNet (Burges
// et al. 2005) made a learning objective: it is convex, sees no scale of the accuracies, and a pair that is
// right by far does not count. The shrinkage is the strongest under which rows left out of the
// fit are compared with the others as well as under any, up to the error of that estimate: with ten rows the
// weights hardly leave s p.
#pragma once

#include "assay/score/score.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// log(rank / n) of every record and score (or its value, where the term says so), one row per record: what
// rank_scores weighs and sums.
// Rows of records that miss a score are NaN and not part of the cohort.
std::vector<double> log_ranks(std::span<const ScoreRecord> records, std::span<const RankTerm> terms);

// Fewer pairs of rows say too little; more rows than the limit add nothing to so few weights, but time.
inline constexpr int min_fit_rows = 3;
inline constexpr int max_fit_rows = 256;

struct RankFit {
  std::vector<double> weights;  // their sum is the number of scores, so that equal weights are 1
  double shrinkage = 0;
  int rows = 0;  // that were learned from
  // Of rows left out of the fit, predicted by the others. NaN where it is not defined.
  double cross_validated_spearman = 0;
};

// `log_ranks`: accuracy.size() rows of `scores` finite values; accuracies are finite. Above max_fit_rows,
// rows are drawn at random. Deterministic in the seed. Throws InputError when there are fewer than
// min_fit_rows rows, when all accuracies are equal, and when no score agrees with them.
RankFit fit_rank_weights(std::span<const double> log_ranks, std::size_t scores,
                         std::span<const double> accuracy, std::uint64_t seed,
                         std::span<const double> prior = {});

}  // namespace assay
