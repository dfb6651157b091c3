// How well a score agrees with known accuracies: rank statistics and their uncertainty.
//
// Higher is better in both lists. A score that is NaN (the network could not be scored) counts as the worst;
// accuracies are finite. A statistic that is not defined (fewer than two rows, all values equal) is NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// Ranks 1 .. n in ascending order of the values, average ranks for ties. NaN ranks below everything.
std::vector<double> average_ranks(std::span<const double> values);

// Pearson's correlation of the average ranks.
double spearman(std::span<const double> a, std::span<const double> b);

// Kendall's tau-b (Kendall 1945): (concordant - discordant pairs) / sqrt(pairs not tied in a x those not tied
// in b). O(n log n) by counting inversions (Knight 1966).
double kendall_tau_b(std::span<const double> a, std::span<const double> b);

inline constexpr std::size_t shortlist_size = 10;

// Rows of the `count` highest scores, best first. Where scores are equal, the less accurate rows come first:
// a score that cannot tell networks apart gets no credit for the order of the file.
std::vector<std::size_t> shortlist(std::span<const double> score, std::span<const double> accuracy,
                                   std::size_t count = shortlist_size);

struct Agreement {
  double spearman, kendall;
  // Spearman among the tenth of the rows with the highest accuracies (ties at its border included): telling
  // good networks from each other is harder than telling them from bad ones, and it is what a search needs.
  double top_spearman;
  // The best accuracy of all minus the best on the shortlist, in units of the accuracy.
  double regret;
};

Agreement agreement(std::span<const double> score, std::span<const double> accuracy);

struct JudgedAgreement {
  Agreement value, low, high;  // the bounds are 95 % intervals
};

// With percentile intervals of the bootstrap (Efron 1979): the rows are drawn anew, with replacement, as
// often as `resamples` says. The draws depend on the seed and the number of rows only, so two scores of one
// file are judged on the same ones. Resamples in which a statistic is not defined are left out of its
// interval.
JudgedAgreement judge(std::span<const double> score, std::span<const double> accuracy, int resamples,
                      std::uint64_t seed);

}  // namespace assay
