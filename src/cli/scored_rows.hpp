// A workload scored from its first network to its last, in constant memory.
#pragma once

#include "common.hpp"
#include "rank_cohort.hpp"
#include "row_spool.hpp"
#include "score_service.hpp"
#include "workload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace assay::cli {

struct ScoredRow {
  std::vector<Cell> own;  // the candidate's cells, as own_cells gives them
  std::vector<double> values;
  double rank_score;
  std::string status;
};

// What became of each network. Rows wait on disk: their rank score is known when all are there.
class ScoredRows {
 public:
  ScoredRows(std::string folder, RankCohort cohort);

  void add(std::vector<Cell> own, const ScoreRecord& record);
  std::int64_t size() const { return rows_.size(); }
  std::int64_t not_buildable() const { return not_buildable_; }
  const std::string& first_status() const { return first_status_; }
  // Every row, in the order of the networks. Once.
  void finish(const std::function<void(ScoredRow row)>& visit);

 private:
  RowSpool rows_;  // own cells, a value per score, status
  RankCohort cohort_;
  std::int64_t not_buildable_ = 0;
  std::string first_status_;
  std::ptrdiff_t width_ = 0;  // values a row
};

// Adds a row for each network, in the workload's order. When a stop is requested, what is complete by then is
// kept.
void score_all(Workload& workload, const Output& output, ScoreService& service, std::stop_token stop,
               ScoredRows& scored);

}  // namespace assay::cli
