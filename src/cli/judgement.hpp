// Scores beside known accuracies: how far each can be trusted, as a table.
#pragma once

#include "assay/report/table.hpp"
#include "assay/runtime/runtime.hpp"
#include "assay/score/statistics.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace assay::cli {

// What is judged: a score, a rank score, another column. Higher is better; NaN: there is no value, which
// ranks last.
struct JudgedColumn {
  std::string name;
  std::vector<double> values;
};

// What a line promises among the rows under a limit; NaN when there are none.
struct Limited {
  double mean = std::numeric_limits<double>::quiet_NaN();      // true accuracy of its ten best
  double distance = std::numeric_limits<double>::quiet_NaN();  // of that mean to the best accuracy there
};

struct Judgement {
  JudgedAgreement agreement;
  Limited limited;
  std::int64_t failed = 0;  // rows without a value
};

// Of each line by `rows`, all of which have a known accuracy. `within`: whether a row is under the limit.
std::vector<Judgement> judge_all(const std::vector<JudgedColumn>& lines, const std::vector<double>& accuracy,
                                 const std::vector<std::size_t>& rows, const std::vector<bool>& within,
                                 int resamples, std::uint64_t seed, WorkerPool& pool);

// `limited`: with the columns of a limit. People see a statistic and its interval in one column.
Table judgement_table(const std::vector<JudgedColumn>& lines, const std::vector<Judgement>& judgements,
                      bool for_people, bool limited);

}  // namespace assay::cli
