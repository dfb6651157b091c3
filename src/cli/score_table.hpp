// The scores of a list of candidates, and the weights that they teach.
#pragma once

#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "rank_weights.hpp"

#include <string>
#include <vector>

namespace assay::cli {

struct ScoreTable {
  ScoreSettings settings;
  std::vector<ScoreRecord> records;

  // One score of all records, the direction applied.
  std::vector<double> column(const std::string& score) const;
  // The records with these scores only, which the table must have.
  std::vector<ScoreRecord> part(const std::vector<std::string>& scores) const;
  bool has(const std::vector<std::string>& scores) const;
};

// Scores that at least nine rows of ten have: one that fails everywhere would leave no row to learn from.
// Throws InputError when there is none.
std::vector<std::string> usable_scores(const ScoreTable& table);

// Learns from `rows` of the table, whose accuracies are known. The whole table, and `others`, are the cohort
// in which ranks are taken. Throws InputError as fit_rank_weights.
RankWeights learn_weights(const Space& space, const ScoreTable& table, const std::vector<ScoreRecord>& others,
                          const std::vector<double>& accuracy, const std::vector<std::size_t>& rows);

}  // namespace assay::cli
