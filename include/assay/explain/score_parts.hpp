// What a rank score is made of: score by score, how a network stands among others, and what lifts it or pulls
// it down.
#pragma once

#include "assay/score/score.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct ScorePart {
  std::string score;
  double value = 0;
  int direction = +1;  // -1: lower values are better
  // Share of the others that are worse, ties counted half; NaN without others, as the three below.
  double percentile = std::numeric_limits<double>::quiet_NaN();
  double spread = std::numeric_limits<double>::quiet_NaN();  // standard deviation of the others' values
  // What the score adds to the rank score: weight x log(rank / n), or weight x value.
  double contribution = std::numeric_limits<double>::quiet_NaN();
  // The contribution less its mean over the others: above 0, it lifts the network over the average one. By
  // rank, the mean is that of n different ranks.
  double lift = std::numeric_limits<double>::quiet_NaN();
};

struct ScoreStanding {
  std::vector<ScorePart> parts;                                  // in the order of the scores
  double rank_score = std::numeric_limits<double>::quiet_NaN();  // among the others, as one more
  double percentile = std::numeric_limits<double>::quiet_NaN();  // of the rank score
  std::int64_t others = 0;                                       // with all scores
};

// `others` is row-major, one finite value per score; `own` is one row. Without others only the values are
// told, and contributions by value. `weights` as in rank_scores.
ScoreStanding score_standing(std::span<const std::string> scores, std::span<const RankTerm> terms,
                             std::span<const double> weights, std::span<const double> own,
                             std::span<const double> others);

}  // namespace assay
