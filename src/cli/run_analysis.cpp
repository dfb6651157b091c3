#include "run_analysis.hpp"

#include "assay/base/text.hpp"
#include "assay/explain/run_convergence.hpp"
#include "assay/network/executed.hpp"

#include "run_landscape.hpp"
#include "settings_json.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr std::size_t most_generations = 300;

ReportCandidate candidate_of(const EvaluationRow& row, double rank_score) {
  return {.evaluation = row.evaluation,
          .choices = row.choices,
          .rank_score = rank_score,
          .latency_ms = row.latency_ms,
          .latency_low_ms = row.latency_low_ms,
          .latency_high_ms = row.latency_high_ms,
          .extrapolated = row.extrapolated,
          .peak_memory_bytes = row.peak_memory_bytes,
          .params = row.params,
          .macs = row.macs,
          .scores = row.status.empty() ? row.scores : std::vector<double>{},
          .status = row.status,
          .seconds = row.seconds};
}

// The command of a session without what names its journal, which exists by now.
std::string repeating(const std::string& command) {
  const std::vector<std::string> words = shell_words(command);
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--run")
      ++i;
    else if (words[i] != "--resume" && !words[i].starts_with("--run="))
      text += (text.empty() ? "" : " ") + shell_quoted(words[i]);
  }
  return text;
}

void add_facts(RunReport& report, const RecordedRun& run) {
  const RunJournal& journal = run.journal;
  const RunIdentity& identity = journal.identity();
  report.journal = journal.path();
  report.state = journal.shown_state();
  report.state_note = journal.state_note();
  report.created_utc = journal.created_utc();
  report.seed = identity.seed;
  report.space_name = identity.space_name;
  report.space_fingerprint = hex(identity.space_fingerprint);
  report.accelerator_name = identity.accelerator_name;
  if (!identity.accelerator_name.empty())
    report.accelerator_fingerprint = hex(identity.accelerator_fingerprint);
  report.settings_json = identity.settings_json;
  constexpr std::array<const char*, metric_count> keys = {"params", "macs", "peak_memory_bytes",
                                                          "latency_ms"};
  for (const Metric metric : all_metrics) {
    if (run.budget.limited(metric))
      report.budgets.emplace_back(keys[static_cast<std::size_t>(metric)], run.budget.limit(metric));
  }
  report.cost = run.front_metric == Metric::latency ? "latency_ms" : "macs";
  for (const JournalDecision& decision : identity.decisions)
    report.decisions.push_back({decision.name, decision.options});
  report.scores = identity.scores;
  for (const SessionRow& session : journal.sessions()) {
    report.sessions.push_back({.started_utc = session.started_utc,
                               .seconds = session.seconds,
                               .command = session.command,
                               .assay_version = session.assay_version,
                               .libraries = session.libraries,
                               .isa = session.isa,
                               .hardware = session.hardware,
                               .end = session.end,
                               .workers = session.workers});
  }
  report.ranked = std::ranges::all_of(run.ranking.terms, &RankTerm::by_rank);
  if (!report.sessions.empty()) {
    report.repeat = repeating(report.sessions.back().command);
  } else {
    report.notes.push_back(fmt::format(
        "The journal is older than those that hold the commands of a run; it was written by assay {}.",
        identity.assay_version));
  }
}

// Counters and rejections; generations thinned evenly, the last one among them.
void add_progress(RunReport& report, const RunJournal& journal) {
  for (const auto& [reason, rejection] : journal.rejections())
    report.rejections.push_back({reason, rejection.count, rejection.smallest});
  std::ranges::stable_sort(report.rejections, std::ranges::greater{}, &ReportRejection::count);

  const std::vector<GenerationRow> generations = journal.generations();
  if (generations.empty()) return;
  const GenerationRow& last = generations.back();
  report.evaluated = last.evaluated;
  report.proposed = last.proposed;
  report.duplicates = last.duplicates;
  report.failed = last.failed;

  std::map<std::int64_t, std::int64_t> changes;  // of the front's size, by generation
  for (const ArchiveRow& row : journal.archive()) {
    ++changes[row.since];
    if (row.before) --changes[*row.before];
  }
  auto change = changes.begin();
  std::int64_t front_size = 0;
  const std::size_t count = generations.size(), kept = std::min(count, most_generations);
  for (std::size_t k = 1; k <= kept; ++k) {
    const GenerationRow& row = generations[k * count / kept - 1];
    for (; change != changes.end() && change->first <= row.generation; ++change) front_size += change->second;
    report.generations.push_back({.generation = row.generation,
                                  .evaluated = row.evaluated,
                                  .proposed = row.proposed,
                                  .duplicates = row.duplicates,
                                  .failed = row.failed,
                                  .seconds = row.seconds,
                                  .front_size = front_size});
  }
}

std::optional<ReportTraining> training_of(const std::vector<TrainingRow>& trainings,
                                          std::int64_t evaluation) {
  std::optional<ReportTraining> found;  // the latest, where there are several recipes
  for (const TrainingRow& row : trainings)
    if (row.evaluation == evaluation) found = report_training(row);
  return found;
}

class Networks {
 public:
  Networks(const RecordedRun& run, bool explained)
      : run_(run), explained_(explained && run.space), trainings_(run.journal.trainings()) {}

  ReportNetwork operator()(const EvaluationRow& row, double rank_score, int position) const {
    ReportNetwork network{.candidate = candidate_of(row, rank_score),
                          .text = candidate_text(run_.journal.identity().decisions, row.choices),
                          .position = position,
                          .training = training_of(trainings_, row.evaluation),
                          .explanation = {}};
    if (explained_) {
      network.explanation = explain_network(executed(run_.space->decode({row.choices})),
                                            run_.estimator ? &*run_.estimator : nullptr);
    }
    return network;
  }

 private:
  const RecordedRun& run_;
  bool explained_;
  std::vector<TrainingRow> trainings_;
};

// The front and the shortlist, and evaluations at even distances: about `most` in all, but no fewer than a
// tenth of that beside a long front.
void add_candidates(RunReport& report, const RecordedRun& run, const RunStanding& standing,
                    std::int64_t most) {
  report.front = standing.front;
  std::vector<std::int64_t> wanted = standing.front;
  wanted.insert(wanted.end(), standing.shortlist.begin(), standing.shortlist.end());
  const std::int64_t count = std::ssize(standing.costs);
  const std::int64_t kept =
      count <= most ? count : std::max(most - std::ssize(wanted), std::max<std::int64_t>(most / 10, 1));
  for (std::int64_t k = 0; k < kept; ++k) wanted.push_back(k * count / kept);
  std::ranges::sort(wanted);
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const std::int64_t evaluation : wanted) {
    report.candidates.push_back(
        candidate_of(run.row(evaluation), standing.rank_scores[static_cast<std::size_t>(evaluation)]));
  }
}

// The most accurate of the trained ones, or the first.
std::size_t winner_of(const std::vector<ReportNetwork>& shortlist) {
  const auto accuracy = [](const ReportNetwork& network) {
    const double reached = network.training ? network.training->test_accuracy : std::nan("");
    return std::isnan(reached) ? -1 : reached;
  };
  return shortlist.empty() ? 0
                           : static_cast<std::size_t>(std::ranges::max_element(shortlist, {}, accuracy) -
                                                      shortlist.begin());
}

void add_convergence(RunReport& report, const RunStanding& standing) {
  std::vector<Point> points(standing.costs.size());
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = {standing.rank_scores[i], standing.costs[i]};
  const RunConvergence convergence = run_convergence(points);
  for (const ConvergenceStep& step : convergence.steps)
    report.convergence.push_back({step.evaluated, step.best_score, step.hypervolume_share});
  report.reached_90 = convergence.reached_90;
  report.reached_full = convergence.reached_full;
  report.reached_best = convergence.reached_best;
}

}  // namespace

ReportTraining report_training(const TrainingRow& row) {
  ReportTraining training{.recipe = row.dataset,
                          .status = row.status,
                          .test_accuracy = row.test_accuracy,
                          .seconds = row.seconds,
                          .epochs = {}};
  for (const EpochRow& epoch : row.epochs)
    training.epochs.push_back({epoch.epoch, epoch.train_loss, epoch.test_accuracy, epoch.seconds});
  return training;
}

RunReport make_report(const RecordedRun& run, const ReportSettings& settings) {
  RunReport report;
  add_facts(report, run);
  add_progress(report, run.journal);
  const RunStanding standing = stand(run);
  report.evaluated = std::ssize(standing.costs);
  add_candidates(report, run, standing, settings.candidates);
  add_convergence(report, standing);

  const Networks network(run, settings.analysis);
  for (const std::int64_t evaluation : standing.shortlist) {
    report.shortlist.push_back(network(run.row(evaluation),
                                       standing.rank_scores[static_cast<std::size_t>(evaluation)],
                                       static_cast<int>(report.shortlist.size()) + 1));
  }
  report.winner = winner_of(report.shortlist);
  if (const auto baseline = run.journal.baseline())
    report.baseline = network(baseline->row, baseline->rank_score, 0);
  if (settings.analysis && run.space) {
    add_landscape(report, run, standing, settings.landscape);
  } else if (settings.analysis) {
    report.no_slices = report.no_importance = "The run's space cannot be read as the search read it.";
  }
  report.notes.insert(report.notes.end(), run.notes.begin(), run.notes.end());
  return report;
}

}  // namespace assay::cli
