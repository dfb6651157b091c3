// Weights of the rank score, learned from a few known accuracies.
//
// With 20 to 50 accuracies and a dozen scores that say nearly the same, least squares would fit noise. So the
// weights have to explain order only, are not negative, and begin at a rank score that is known to be
// sensible (the prior p: the default one, or equal weights):
//
//   w = s p + v,   minimise over s, v >= 0
//     sum over pairs (i more accurate than j) of log(1 + exp(-w . (x_i - x_j)))
//     + fit_shrinkage ((s d - log_odds)^2 + |v - c|^2)
//
// x: the addends of the rank score: log(rank / n) of a score, direction applied, taken over a large cohort of
// which the known rows are a part (ranks among thirty rows would throw away what is known about the space),
// or its value. d: the median difference of p . x between two rows. c: what a term is expected to add. The
// loss is that of Bradley and Terry (1952) for paired comparisons, which RankNet (Burges et al. 2005) made a
// learning objective: it is convex, sees no scale of the accuracies, and a pair that is right by far does not
// count. The shrinkage is a normal prior of fixed width: with a few rows the weights hardly leave it, and the
// sum over pairs, which grows with the square of the rows, soon has its way.
#pragma once

#include "assay/score/score.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// What rank_scores weighs and sums: log(rank / n), or the value, of every record and term; one row per
// record. Rows of records that miss a score are NaN and not part of the cohort.
std::vector<double> rank_addends(std::span<const ScoreRecord> records, std::span<const RankTerm> terms);

// Fewer pairs of rows say too little; more rows than the limit add nothing to so few weights, but time.
inline constexpr int min_fit_rows = 3;
inline constexpr int max_fit_rows = 256;

// Chosen by the worse of NAS-Bench-201 and Accel-NASBench, with 5 to 100 rows; half or twice as much moves
// Spearman by about 0.001.
inline constexpr double fit_shrinkage = 20;

// What is believed before anything is learned.
struct RankPrior {
  std::vector<double> weights = {};      // p, one per term; none: equal ones
  std::vector<double> corrections = {};  // c, one per term; none: zeros
  double log_odds = 0;                   // how sure p is of the median pair; 0: it only says what is simplest
};

struct RankFit {
  // Differences of w . x are log-odds of being more accurate. Zero below a millionth of the sum.
  std::vector<double> weights;
  int rows = 0;  // that were learned from
  // Of rows left out of the fit, predicted by the others. NaN where it is not defined.
  double cross_validated_spearman = 0;
};

// `addends`: accuracy.size() rows of `terms` finite values; accuracies are finite. Above max_fit_rows,
// rows are drawn at random. Deterministic in the seed. Throws InputError when there are fewer than
// min_fit_rows rows, when all accuracies are equal, and when no score agrees with them.
RankFit fit_rank_weights(std::span<const double> addends, std::size_t terms, std::span<const double> accuracy,
                         std::uint64_t seed, const RankPrior& prior = {});

}  // namespace assay
