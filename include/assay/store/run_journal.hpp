// The run journal: one SQLite file (WAL) per run that holds everything needed to continue, explain and repeat
// it. It speaks plain values only, so that it knows neither spaces nor searches.
//
// A journal survives kill -9 at any moment with everything but the batch in flight: a generation, or as many
// as there were in 50 ms and while those before them were written. One process at a time may write it (a lock
// beside the file, released by the system when the process dies); any number may read it meanwhile. Every
// failure (a full disk, a foreign file, another run's journal) is an InputError that names the file, the
// cause and the remedy.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct JournalDecision {
  std::string name;
  std::vector<std::string> options;
  friend bool operator==(const JournalDecision&, const JournalDecision&) = default;
};

// What makes two runs the same run: their results are byte-identical when all of this is equal.
struct RunIdentity {
  std::string assay_version;
  std::uint64_t seed = 0;
  std::string settings_json = "{}";  // a JSON object of everything else that influences results
  std::string space_name;
  std::string space_text;  // the space file's content: the journal explains itself without it
  std::uint64_t space_fingerprint = 0;
  std::vector<JournalDecision> decisions;
  std::string accelerator_name;  // empty without an accelerator
  std::string accelerator_text;
  std::uint64_t accelerator_fingerprint = 0;
  // The estimator's file: with it a report explains latencies without any other file. Two runs are compared
  // by its hash, which stands in the settings.
  std::string estimator_json;
  std::vector<std::string> scores;  // score names
};

struct EvaluationRow {
  std::int64_t evaluation = 0;  // 0, 1, 2 ... without gaps
  std::int64_t generation = 0;
  std::uint64_t fingerprint = 0;
  std::vector<std::uint16_t> choices;  // option index per decision
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::int64_t peak_memory_bytes = 0;
  double latency_ms = std::numeric_limits<double>::quiet_NaN();  // NaN where it was not estimated
  double latency_low_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_high_ms = std::numeric_limits<double>::quiet_NaN();
  bool extrapolated = false;
  std::vector<double> scores;  // one per score name; ignored (and read back as NaN) unless status is empty
  std::string status;          // empty when all scores are good
  double seconds = 0;
};

// The costs of an EvaluationRow that a search may trade against scores.
enum class JournalCost { params, macs, peak_memory_bytes, latency_ms };

// Where the proposals of the run went up to the end of a generation (cumulative).
struct GenerationRow {
  std::int64_t generation = 0;
  std::int64_t proposed = 0;
  std::int64_t duplicates = 0;
  std::int64_t evaluated = 0;
  std::int64_t failed = 0;
  double seconds = 0;  // of search, earlier sessions included; for reports only
};

// A time on the Pareto front: the archive of the run. Fronts are by the rank scores of their time.
struct ArchiveRow {
  std::int64_t evaluation = 0;
  std::int64_t since = 0;              // generation at whose end it was on the front
  std::optional<std::int64_t> before;  // the first later generation at whose end it was not; none: it stayed
};

// How far the run got: "running" (after create and resume), "stopped", "finished", "failed", and a line for
// people.
struct RunState {
  std::string state, note;
};

// One process's work on the run. The times and machines of a run are for reports: they decide nothing.
struct SessionRow {
  std::string started_utc;  // filled in by the journal
  double seconds = 0;       // up to the last write
  std::string command;      // as a shell takes it
  std::string assay_version;
  std::string libraries;  // "oneDNN 2.6.3, SQLite 3.40.1 ..."
  std::string isa;        // "AVX-512"
  std::string hardware;   // processor's model
  int workers = 0;
  // Empty while it runs, and for ever when it was killed; else "finished", "stopped" or a failure's message.
  std::string end;
};

// Reason ("latency", "cannot be built: ...") -> how many, and the smallest value seen where the reason is a
// limit.
struct Rejection {
  std::int64_t count = 0;
  std::optional<double> smallest;
  friend bool operator==(const Rejection&, const Rejection&) = default;
};
using Rejections = std::map<std::string, Rejection>;

struct ResultRow {
  std::int64_t evaluation = 0;
  double rank_score = 0;
};

// The network that results are compared with. Its `evaluation` is -1: it need not meet the budget.
struct BaselineRow {
  EvaluationRow row;
  double rank_score = std::numeric_limits<double>::quiet_NaN();  // among the evaluated
};

struct EpochRow {
  int epoch = 0;
  double learning_rate = 0;
  double train_loss = 0;
  double train_accuracy = 0;  // accuracies in [0, 1]; NaN where not measured
  double test_loss = 0;
  double test_accuracy = 0;
  double seconds = 0;
};

struct TrainingRow {
  std::int64_t evaluation = 0;
  std::string dataset;
  std::string status;  // empty when training went to its end
  double test_accuracy = std::numeric_limits<double>::quiet_NaN();
  double seconds = 0;
  std::vector<EpochRow> epochs;
};

// To be used by one thread at a time.
class RunJournal {
 public:
  // A new journal. Throws InputError when the file exists already (remedy: resume, or another name).
  static RunJournal create(const std::string& path, const RunIdentity& identity);
  // Continues a journal; one of an earlier format is brought to this version's. Throws InputError when it is
  // missing, of another identity (naming what differs), in use by another process, damaged, or no journal at
  // all.
  static RunJournal resume(const std::string& path, const RunIdentity& identity);
  // For reports: works on finished, running and killed runs, and on journals of earlier formats. Changes
  // nothing of what they say; SQLite may move what a killed run left in its -wal file into the journal.
  static RunJournal open_to_read(const std::string& path);

  RunJournal(RunJournal&&) noexcept;
  RunJournal& operator=(RunJournal&&) noexcept;
  ~RunJournal();

  const std::string& path() const;
  const RunIdentity& identity() const;

  // Writing. What a call writes is there as a whole or not at all, and is committed when the call returns.

  // New evaluations, counters of the generation, all rejections so far, and the evaluations on the front at
  // the generation's end, ascending. A thread commits them while the search goes on, together with those that
  // follow within 50 ms: generations without executed scores come every 2 ms, and would wait for the journal
  // a tenth of their time. Every other call waits until they are committed. Failures are thrown by a later
  // call; all that was not committed is undone then.
  void commit_generation(std::vector<EvaluationRow> evaluations, const GenerationRow& generation,
                         const Rejections& rejections, std::vector<std::int64_t> front);
  // Final front (by ascending cost) and shortlist (best first); replaces earlier ones.
  void record_results(std::span<const ResultRow> front, std::span<const ResultRow> shortlist);
  // How many networks the shortlist is to have at the end. Another process may go on with another number.
  void record_shortlist_size(int size);
  void record_baseline(const BaselineRow& baseline);
  // Once per process, after create or resume.
  void begin_session(const SessionRow& session);
  // How the session ended, and with it the run's state. How long it lasted every commit keeps up to date.
  void end_session(std::string_view end, const RunState& state);
  void set_state(const RunState& state);
  // The one that the run had when it was resumed, for those who add nothing to it; empty for a new run.
  const RunState& earlier_state() const;
  // Training goes epoch by epoch; an epoch recorded again replaces the old row.
  void record_epoch(std::int64_t evaluation, const EpochRow& epoch);
  void record_training(const TrainingRow& training);

  // Reading.

  // nullopt past the end. Throws InputError when that evaluation has another fingerprint: the journal then is
  // not of this run, whatever its settings say. Fast for ascending evaluations.
  std::optional<EvaluationRow> recall(std::int64_t evaluation, std::uint64_t fingerprint);
  std::int64_t evaluation_count() const;
  std::optional<EvaluationRow> evaluation(std::int64_t index) const;
  // In order of evaluation, until `visit` returns false; constant memory.
  void for_each_evaluation(const std::function<bool(const EvaluationRow&)>& visit) const;
  // One number of every evaluation, in order, until `visit` returns false: several times as fast. NaN where
  // there is none. `score` is an index into identity().scores.
  void for_each_score(std::size_t score, const std::function<bool(double)>& visit) const;
  void for_each_cost(JournalCost cost, const std::function<bool(double)>& visit) const;
  std::vector<GenerationRow> generations() const;
  double search_seconds() const;            // up to the last generation; 0 before the first
  std::vector<ArchiveRow> archive() const;  // by `since`, then evaluation
  std::optional<BaselineRow> baseline() const;
  std::vector<SessionRow> sessions() const;
  // Whether a process has the run open for writing.
  bool in_use() const;
  Rejections rejections() const;
  std::vector<ResultRow> front() const;
  std::vector<ResultRow> shortlist() const;
  // nullopt in journals that were written before it was recorded.
  std::optional<int> shortlist_size() const;
  std::vector<TrainingRow> trainings() const;
  std::string state() const;
  // state(), but "killed" where that says "running" and nobody has the run open for writing.
  std::string shown_state() const;
  std::string state_note() const;
  std::string created_utc() const;
  // For those who find that what they have read does not go together. Throws InputError.
  [[noreturn]] void throw_inconsistent(const std::string& what) const;

  // Flushes and leaves a single plain file behind (no -wal beside it). The destructor does the same but
  // cannot report a failure.
  void close();
  // Removes the journal with all that belongs to it. The object is closed then.
  void discard();

  struct Implementation;

 private:
  explicit RunJournal(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

// "SQLite 3.40.1": for reports.
std::string journal_library();

// "stage1.kernel=3 stage1.depth=2".
std::string candidate_text(std::span<const JournalDecision> decisions,
                           std::span<const std::uint16_t> choices);

}  // namespace assay
