// Everything that a report of a run says, as plain values: made once (by the command, from the journal),
// shown in four formats. JSON holds all of it; the HTML page embeds that JSON, so what it draws is what the
// journal holds.
//
// Doubles that are not finite stand for "no value" (null in JSON). Shares are 0 .. 1.
#pragma once

#include "assay/explain/explanation.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

struct ReportDecision {
  std::string name;
  std::vector<std::string> options;
};

// One evaluated candidate.
struct ReportCandidate {
  std::int64_t evaluation = 0;                                   // -1: the baseline
  std::vector<std::uint16_t> choices;                            // option per decision
  double rank_score = std::numeric_limits<double>::quiet_NaN();  // over all good evaluations; NaN: it failed
  double latency_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_low_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_high_ms = std::numeric_limits<double>::quiet_NaN();
  bool extrapolated = false;
  std::int64_t peak_memory_bytes = 0;
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::vector<double> scores;  // per RunReport::scores; empty when it failed
  std::string status;          // empty: all is well
  double seconds = 0;          // of scoring; 0: its scores were known
};

struct ReportEpoch {
  int epoch = 0;  // from 0
  double train_loss = std::numeric_limits<double>::quiet_NaN();
  double test_accuracy = std::numeric_limits<double>::quiet_NaN();  // 0 .. 1
  double seconds = 0;                                               // since the training's start
};

struct ReportTraining {
  std::string recipe;  // "fashion-mnist epochs=5 batch=64 ..."
  std::string status;  // empty when it went to its end; "unfinished"; or why it ended
  double test_accuracy = std::numeric_limits<double>::quiet_NaN();  // 0 .. 1
  double seconds = 0;
  std::vector<ReportEpoch> epochs;
};

// A network of the answer, looked at closely.
struct ReportNetwork {
  ReportCandidate candidate;
  std::string text;  // "stage1.kernel=3 stage1.depth=2": for --candidate
  int position = 0;  // on the shortlist, from 1; 0: the baseline
  std::optional<ReportTraining> training;
  NetworkExplanation explanation;
};

struct ReportGeneration {
  std::int64_t generation = 0;
  std::int64_t evaluated = 0, proposed = 0, duplicates = 0, failed = 0;  // up to its end
  double seconds = 0;                                                    // of search, up to its end
  std::int64_t front_size = 0;  // of the Pareto front as it stood then
};

// The best so far after `evaluated` evaluations, by the final rank scores, so that both lines only rise.
struct ReportConvergence {
  std::int64_t evaluated = 0;
  double best_rank_score = 0;
  // Area dominated by the front of what was evaluated by then, as a share of the final one.
  double hypervolume_share = 0;
};

struct ReportRejection {
  std::string reason;  // "latency", "cannot be built: ..."
  std::int64_t count = 0;
  std::optional<double> smallest;  // value seen, where the reason is a limit
};

// A grid over two decisions, everything else as in the winner. values[row][column]; NaN: cannot be built.
struct ReportSlice {
  std::string title;  // "MACs", "latency (ms)", "latency (ms), curated space"
  std::string unit;   // "MACs", "ms"
  std::string row_decision, column_decision;
  std::vector<std::string> row_options, column_options;  // in ascending order of the options' values
  std::vector<std::vector<double>> values;
  // Of steps to the next option that lower the MACs: those that raise the value, and those that lower it by
  // less than 0.1 %.
  double rising_share = 0, flat_share = 0;
};

// How much of the variance one decision explains by itself (explain/importance.hpp): of the rank score over
// the evaluated candidates, and of the logarithm of latency (without hardware, of MACs) over the whole space.
struct ReportImportance {
  std::string decision;
  double score_share = 0;
  double latency_share = 0;
};

// One process's share of the run.
struct ReportSession {
  std::string started_utc;
  double seconds = 0;
  std::string command;  // as a shell takes it
  std::string assay_version, libraries, isa, hardware, end;
  int workers = 0;
};

struct RunReport {
  std::string journal;  // file
  std::string state;    // "running", "stopped", "finished", "killed": nobody is writing, and it did not end
  std::string state_note;
  std::string created_utc;
  std::uint64_t seed = 0;
  std::string space_name, space_fingerprint;              // fingerprints as 16 hexadecimal digits
  std::string accelerator_name, accelerator_fingerprint;  // empty without one
  std::string settings_json;
  std::vector<std::pair<std::string, double>> budgets;  // "latency_ms" -> limit; memory in bytes
  std::string cost;  // what the front trades against the rank score: "latency_ms" or "macs"
  std::vector<ReportDecision> decisions;
  std::vector<std::string> scores;
  std::vector<ReportSession> sessions;
  // What makes the same run anew: the last session's command without the journal that it named. Empty:
  // unknown.
  std::string repeat;
  bool ranked = false;  // the rank score sums logarithms of ranks: 0 is the best in every score

  // The answer.
  std::vector<ReportNetwork> shortlist;  // best rank score first
  // The network that every format recommends, as an index into a shortlist that is not empty: the most
  // accurate as far as they are trained, and without training the first.
  std::size_t winner = 0;
  std::optional<ReportNetwork> baseline;

  // What was seen. Long runs are sampled for the plots: `candidates` holds the whole front, the shortlist,
  // and an even sample of the others, in the order of evaluation.
  std::int64_t evaluated = 0, proposed = 0, duplicates = 0, failed = 0;
  std::vector<ReportRejection> rejections;
  std::vector<ReportCandidate> candidates;
  std::vector<std::int64_t> front;  // evaluations, by ascending cost; all of them are among `candidates`
  std::vector<ReportGeneration> generations;   // at most some hundreds, evenly over the run
  std::vector<ReportConvergence> convergence;  // likewise
  // Evaluations after which the front's area was first the final one, and 90 % of it: exact, where
  // `convergence` is sampled. None: nothing was on the front.
  std::optional<std::int64_t> reached_full, reached_90;
  std::optional<std::int64_t> reached_best;  // after which the best rank score was first the final one
  std::vector<ReportSlice> slices;           // MACs, latency, latency of the curated space
  std::string no_slices;                     // why there are none: a sentence, or empty
  std::vector<ReportImportance> importance;  // most important for latency or score first
  std::string no_importance;                 // why there is none: a sentence, or empty
  // Of all decisions together, on candidates that the fit did not see.
  double importance_score_r2 = std::numeric_limits<double>::quiet_NaN();
  double importance_latency_r2 = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::string> notes;  // sentences on what is missing here and why
};

// One JSON object, one line per key, with keys as above (snake_case member names, no value as null), but:
// - "settings" holds the object of settings_json; "budgets" is an object.
// - "candidates" has an array per member instead of an object per candidate, which keeps long runs small:
//   "count", "evaluation", "choices", "rank_score", ...; "extrapolated" is 0 or 1, and "scores" an array per
//   score's name. Choices are one text per candidate with "choice_width" digits in base 36 per decision. Of
//   latencies and rank scores 7 significant digits are kept here, of scores 6, of seconds 3; shortlist and
//   baseline have all digits.
std::string to_json(const RunReport& report);
// An explained network as it stands in that object.
std::string to_json(const NetworkExplanation& explanation);
// One self-contained page that needs no network, of at most 3 MB: where more candidates would not fit, it
// holds the front, the shortlist and an even sample of the others, and says so. Only if those and the
// networks' explanations alone are larger is the page, too.
std::string to_html(const RunReport& report);
// For a terminal of `width` columns (0: any).
std::string to_text(const RunReport& report, int width = 0, bool colour = false);
// For a pull request or a notebook; at most 60,000 characters.
std::string to_markdown(const RunReport& report);
// One row per network of the shortlist: the bytes of `assay search --format csv`.
std::string to_csv(const RunReport& report);

}  // namespace assay
