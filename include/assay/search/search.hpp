// The search itself: generations of ask -> gates -> scores -> tell, then front and shortlist over everything
// that was evaluated.
//
// Generations have a fixed size, so results do not depend on the number of workers. A run continues by being
// run again: the loop is deterministic, and evaluations that the journal already holds are recalled instead
// of being scored, so an interrupted run ends with the bytes of an uninterrupted one.
//
// With a journal a run's memory does not grow with it but for the fingerprints that were met, at most 16
// bytes each; the ranking over all of them at its end takes about 30 bytes a candidate for a moment. Without
// one, everything is held.
#pragma once

#include "assay/search/budget.hpp"
#include "assay/search/cohort.hpp"
#include "assay/search/strategy.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace assay {

struct SearchSettings {
  StrategySettings strategy;  // the seed of the run stands here
  Budget budget;
  Metric front_metric = Metric::latency;  // traded against the rank score; macs where there is no estimator
  std::int64_t evaluations = 1000;        // distinct candidates to score, failures included
  int generation = 32;                    // candidates scored between two tells
  int shortlist = 5;
  // Proposed before anything else, such as the expert's own network; what breaks a constraint of the space is
  // passed over.
  std::vector<Candidate> initial;
  // The search ends after this many proposals in a row that gave nothing to score.
  std::int64_t patience = 50'000;
};

// One scored candidate as it goes into the journal.
struct JournalEntry {
  int evaluation = 0;
  Candidate candidate;
  GateResult gate;
  ScoreRow row;
};

class Journal {
 public:
  virtual ~Journal() = default;
  // What an earlier part of the same run found for this evaluation; nullopt when it did not get that far.
  // Must throw InputError when the journal holds another fingerprint there.
  virtual std::optional<ScoreRow> recall(int evaluation, std::uint64_t fingerprint) = 0;
  // Called once a generation with what was newly scored (never with nothing) and the evaluations on the
  // Pareto front as it stands with it, ascending, before the strategy learns of it. A generation cut short by
  // a stop request is committed in part, and its rest under the same number on resume.
  virtual void commit(int generation, std::span<const JournalEntry> entries, const Counts& counts,
                      std::span<const int> front) = 0;

  // Reading back, at the end of a run that was too long to be held in memory.
  virtual JournalEntry read(int evaluation) = 0;
  // One number of each of the first values.size() evaluations; any value where the evaluation failed.
  virtual void read_scores(std::size_t score, std::span<double> values) = 0;
  virtual void read_costs(Metric metric, std::span<double> values) = 0;
};

struct Progress {
  const Counts& counts;
  const Cohort& cohort;
  int generation = 0;
  int best = -1;  // evaluation with the best rank score so far; -1 before the first
  double best_rank_score = 0;
  std::size_t front_size = 0;
  // The largest area so far that the front dominated, in rank score times the front metric's unit (ms, MACs),
  // against the median rank score of the first generation and the budget's limit, or without one the largest
  // cost of the first generation. The largest, as rank scores that compare candidates fall when better ones
  // come: what one front dominates may be less than what an earlier one did.
  double hypervolume = 0;
  std::int64_t recalled = 0;  // evaluations taken from the journal
};

struct SearchHooks {
  Journal* journal = nullptr;
  std::function<void(const Progress&)> progress;  // after each batch of gates or scores, and at the end
  std::stop_token stop;
};

enum class StopReason {
  evaluations,  // as many as asked for
  exhausted,    // every candidate of the space has been proposed
  stalled,      // `patience` proposals in a row gave nothing to score
  stopped,      // on request
};

struct SearchResult {
  StopReason reason = StopReason::evaluations;
  Counts counts;
  // Holds every evaluation, or, of a long run that has a journal, at least front and shortlist.
  Cohort cohort;
  std::vector<double> rank_scores;  // of each evaluation over all of them; NaN where it failed
  std::vector<int> front;           // evaluations, by ascending cost
  std::vector<int> shortlist;       // evaluations, by descending rank score
  std::int64_t recalled = 0;
};

// Throws InputError for settings out of range, and when not one candidate met the budget or could be built
// (unless stopped before).
SearchResult run_search(const Space& space, Evaluator& evaluator, const SearchSettings& settings,
                        const SearchHooks& hooks = {});

// A network measured against the evaluated ones, whether or not it meets the budget: `--baseline`.
struct Baseline {
  GateResult gate;
  ScoreRow row;
  double rank_score = 0;  // among the evaluated; NaN when its row has a status
};
// `cohort` and `journal` are those of the search that has ended. Throws InputError when the candidate cannot
// be built.
Baseline evaluate_baseline(const Candidate& candidate, Evaluator& evaluator, const Cohort& cohort,
                           Journal* journal = nullptr);

}  // namespace assay
