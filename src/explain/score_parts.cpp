#include "assay/explain/score_parts.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

struct Moments {
  double mean = 0, deviation = 0;
};

Moments moments(std::span<const double> rows, std::size_t width, std::size_t column) {
  const std::size_t count = rows.size() / width;
  Moments result;
  for (std::size_t i = 0; i < count; ++i)
    result.mean += rows[i * width + column] / static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double difference = rows[i * width + column] - result.mean;
    result.deviation += difference * difference / static_cast<double>(count);
  }
  result.deviation = std::sqrt(result.deviation);
  return result;
}

// Of log(rank / n) over the ranks 1 .. n.
double mean_log_rank(double n) {
  return (std::lgamma(n + 1) - n * std::log(n)) / n;
}

}  // namespace

ScoreStanding score_standing(std::span<const std::string> scores, std::span<const RankTerm> terms,
                             std::span<const double> weights, std::span<const double> own,
                             std::span<const double> others) {
  const std::size_t width = scores.size(), count = others.size() / width;
  RankArchive archive({terms.begin(), terms.end()}, {weights.begin(), weights.end()});
  for (std::size_t i = 0; i < count; ++i) archive.add(others.subspan(i * width, width));

  ScoreStanding standing;
  standing.others = static_cast<std::int64_t>(count);
  const std::vector<double> percentiles = archive.percentiles_of(own);
  for (std::size_t k = 0; k < width; ++k) {
    ScorePart part{.score = scores[k], .value = own[k], .direction = terms[k].direction};
    const double weight = weights.empty() ? 1 : weights[k];
    const double towards = weight * terms[k].direction;
    if (!terms[k].by_rank) part.contribution = towards * own[k];
    if (count > 0) {
      const Moments all = moments(others, width, k);
      part.percentile = percentiles[k];
      part.spread = all.deviation;
      if (terms[k].by_rank) {
        const auto n = static_cast<double>(count);
        part.contribution = weight * std::log((percentiles[k] * n + 1) / (n + 1));
        part.lift = part.contribution - weight * mean_log_rank(n + 1);
      } else {
        part.lift = part.contribution - towards * all.mean;
      }
    }
    standing.parts.push_back(std::move(part));
  }
  if (count == 0) {
    // Only values add up without anything to be compared with.
    standing.rank_score = 0;
    for (const ScorePart& part : standing.parts) standing.rank_score += part.contribution;
    return standing;
  }
  standing.rank_score = archive.score_of(own);
  double worse = 0;
  for (const double score : archive.scores())
    worse += score < standing.rank_score ? 1 : score == standing.rank_score ? 0.5 : 0;
  standing.percentile = worse / static_cast<double>(count);
  return standing;
}

}  // namespace assay
