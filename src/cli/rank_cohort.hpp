// The rank score over a stream of networks that may be longer than what is kept of it.
#pragma once

#include "assay/base/random.hpp"
#include "assay/score/score.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace assay::cli {

// Up to `limit` complete rows the rank score is that of assay::rank_scores. Beyond, it compares each row with
// a uniform sample of so many rows (reservoir sampling, Vitter 1985, algorithm R; a function of the order of
// the rows alone): with 131,072 all ranks together are within 0.5 % of the cohort with a probability of 99.7
// % (Dvoretzky-Kiefer-Wolfowitz-Massart: 2 exp(-2 n e^2)). Equal rows have equal rank scores either way.
class RankCohort {
 public:
  static constexpr std::int64_t default_limit = 131'072;

  explicit RankCohort(std::vector<RankTerm> terms, std::vector<double> weights = {},
                      std::int64_t limit = default_limit);

  // Values as in ScoreRecord; rows that miss one are not part of the cohort.
  void add(std::span<const double> values);
  // No more rows come.
  void close();
  // To be asked for every row that was added, in that order; NaN where a value is missing.
  double next_rank_score(std::span<const double> values);
  bool is_sampled() const { return rows_ > limit_; }

 private:
  std::vector<RankTerm> terms_;
  std::vector<double> weights_;
  std::int64_t limit_;
  std::int64_t rows_ = 0;       // complete ones
  std::vector<double> sample_;  // at most limit_ rows
  Random random_;
  std::optional<RankArchive> archive_;
  std::vector<double> exact_;  // unless sampled: rank scores of the complete rows
  std::size_t asked_ = 0;
};

}  // namespace assay::cli
