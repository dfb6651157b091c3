// A run as its journal alone tells it: the space, the estimator and the rank score that it searched with.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/score/score.hpp"
#include "assay/search/budget.hpp"
#include "assay/space/space.hpp"
#include "assay/store/run_journal.hpp"

#include "rank_weights.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::cli {

struct RecordedRun {
  // Throws InputError for a file that is no journal, or whose settings cannot be read.
  explicit RecordedRun(const std::string& path);

  RunJournal journal;
  // nullopt where the journal's space means something else to this version of assay: `notes` says so.
  std::optional<Space> space;
  std::optional<Estimator> estimator;
  Ranking ranking;
  Budget budget;
  Metric front_metric = Metric::macs;
  std::vector<std::string> notes;  // sentences on what the journal does not tell, and what stands for it

  // Which evaluation "3" (of the shortlist, from 1), "e17" (the evaluation itself) or "baseline" means; -1
  // is the baseline. Throws InputError naming what there is.
  std::int64_t evaluation_of(const std::string& name) const;
  // Its row, the baseline's for -1. Throws InputError where there is none.
  EvaluationRow row(std::int64_t evaluation) const;
};

// Where all evaluations of a run stand: by the rank scores over all of them, as a search gives at its end.
struct RunStanding {
  std::vector<double> rank_scores;  // per evaluation; NaN where it failed
  std::vector<double> costs;        // in the front's metric
  std::vector<std::int64_t> front;  // by ascending cost
  std::vector<std::int64_t> shortlist;
};

// With about 30 bytes per evaluation. What the run recorded as its result is taken from the journal while it
// is up to date.
RunStanding stand(const RecordedRun& run);

}  // namespace assay::cli
