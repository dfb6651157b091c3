#include "run_summary.hpp"

#include "assay/store/run_journal.hpp"

#include <algorithm>
#include <cmath>

namespace assay::cli {
namespace {

// The network with the best rank score is the dearest on the front; latency is the front's cost where it is
// known.
double cost_of(const EvaluationRow& row) {
  return std::isnan(row.latency_ms) ? static_cast<double>(row.macs) : row.latency_ms;
}

std::optional<EvaluationRow> dearest(const RunJournal& journal, const std::vector<ArchiveRow>& archive) {
  std::optional<EvaluationRow> best;
  for (const ArchiveRow& time : archive) {
    if (time.before) continue;
    const auto row = journal.evaluation(time.evaluation);
    if (row && (!best || cost_of(*row) > cost_of(*best))) best = row;
  }
  return best;
}

}  // namespace

RunSummary summary_of(const std::string& path) {
  const RunJournal journal = RunJournal::open_to_read(path);
  RunSummary run;
  run.path = path;
  run.state = journal.shown_state();
  run.note = journal.state_note();
  run.space = journal.identity().space_name;
  run.accelerator = journal.identity().accelerator_name;
  run.created_utc = journal.created_utc();
  run.evaluated = journal.evaluation_count();

  std::optional<EvaluationRow> best;
  const std::vector<ResultRow> shortlist = journal.shortlist();
  const std::vector<TrainingRow> trainings = journal.trainings();
  // Trained is what the search ended with.
  const bool ended = run.state == "finished" || run.state == "stopped" || !trainings.empty();
  if (ended && !shortlist.empty()) {
    run.front = static_cast<std::int64_t>(journal.front().size());
    ResultRow result = shortlist.front();
    for (const ResultRow& listed : shortlist) {  // the first of equals, as in a report
      for (const TrainingRow& training : trainings) {
        const bool better = std::isnan(run.test_accuracy) || training.test_accuracy > run.test_accuracy;
        if (training.evaluation != listed.evaluation || std::isnan(training.test_accuracy) || !better)
          continue;
        run.test_accuracy = training.test_accuracy;
        result = listed;
      }
    }
    run.best_rank_score = result.rank_score;
    best = journal.evaluation(result.evaluation);
  } else {
    const std::vector<ArchiveRow> archive = journal.archive();
    for (const ArchiveRow& time : archive) run.front += time.before ? 0 : 1;
    best = dearest(journal, archive);
  }
  if (best) {
    run.best_latency_ms = best->latency_ms;
    run.best_macs = best->macs;
  }

  for (const SessionRow& session : journal.sessions())
    run.seconds = std::isnan(run.seconds) ? session.seconds : run.seconds + session.seconds;
  return run;
}

}  // namespace assay::cli
