#include "assay/base/error.hpp"

#include "identity.hpp"
#include "journal_file.hpp"

#include <limits>
#include <utility>

namespace assay {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void write_results(SQLite::Database& database, const std::string& kind, std::span<const ResultRow> rows) {
  Query(database, "DELETE FROM results WHERE kind = ?").with(kind).run();
  Query insert_row(database,
                   "INSERT INTO results (kind, position, evaluation, rank_score) VALUES (?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const ResultRow& row : rows) {
    insert_row.with(kind).with(position++).with(row.evaluation).with(row.rank_score).run();
  }
}

void write_state(SQLite::Database& database, const RunState& state) {
  write_value(database, "state", state.state);
  write_value(database, "state_note", state.note);
}

void write_epoch(SQLite::Database& database, std::int64_t evaluation, const EpochRow& row) {
  Query(database,
        "INSERT OR REPLACE INTO epochs (evaluation, epoch, learning_rate, train_loss, train_accuracy, "
        "test_loss, test_accuracy, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .with(evaluation)
      .with(row.epoch)
      .with(row.learning_rate)
      .with(row.train_loss)
      .with(row.train_accuracy)
      .with(row.test_loss)
      .with(row.test_accuracy)
      .with(row.seconds)
      .run();
}

}  // namespace

void RunJournal::Implementation::write_batch() {
  commit([&] {
    for (const GenerationBatch::Generation& generation : batch_.generations) {
      for (const EvaluationRow& row : generation.evaluations) evaluations->insert(row);
      const GenerationRow& counters = generation.counters;
      writing->generation.with(counters.generation)
          .with(counters.proposed)
          .with(counters.duplicates)
          .with(counters.evaluated)
          .with(counters.failed)
          .with(counters.seconds)
          .run();
      writing->archive.update(counters.generation, generation.front);
    }
    for (const auto& [reason, rejection] : batch_.rejections) {
      Rejection& written = writing->rejections[reason];
      if (rejection == written) continue;
      writing->rejection.with(reason).with(rejection.count).with(rejection.smallest.value_or(nan)).run();
      written = rejection;
    }
  });
  batch_ = {};  // here, for the search need not wait for it
}

void RunJournal::commit_generation(std::vector<EvaluationRow> evaluations, const GenerationRow& generation,
                                   const Rejections& rejections, std::vector<std::int64_t> front) {
  implementation_->enqueue({std::move(evaluations), generation, std::move(front)}, rejections);
}

void RunJournal::record_results(std::span<const ResultRow> front, std::span<const ResultRow> shortlist) {
  Implementation& journal = *implementation_;
  journal.transaction([&] {
    write_results(*journal.database, "front", front);
    write_results(*journal.database, "shortlist", shortlist);
  });
}

void RunJournal::record_shortlist_size(int size) {
  Implementation& journal = *implementation_;
  journal.transaction([&] { write_value(*journal.database, "shortlist_size", std::to_string(size)); });
}

void RunJournal::record_baseline(const BaselineRow& baseline) {
  Implementation& journal = *implementation_;
  if (baseline.row.evaluation != -1) throw InternalError("The baseline's evaluation has to be -1.");
  journal.transaction([&] {
    Query(*journal.database, "DELETE FROM baseline").run();
    EvaluationTable(*journal.database, journal.identity, journal.path, "baseline").insert(baseline.row);
    const ResultRow ranked{-1, baseline.rank_score};
    write_results(*journal.database, "baseline",
                  std::isnan(baseline.rank_score) ? std::span<const ResultRow>{} : std::span(&ranked, 1));
  });
}

void RunJournal::begin_session(const SessionRow& session) {
  Implementation& journal = *implementation_;
  if (journal.session) throw InternalError("A journal's session began twice.");
  journal.settle();
  journal.session_start = std::chrono::steady_clock::now();
  journal.transaction([&] {
    Query(*journal.database,
          "INSERT INTO sessions (started_utc, seconds, command, assay_version, libraries, isa, hardware, "
          "workers, ending) VALUES (?, 0, ?, ?, ?, ?, ?, ?, '')")
        .with(utc_now())
        .with(session.command)
        .with(session.assay_version)
        .with(session.libraries)
        .with(session.isa)
        .with(session.hardware)
        .with(session.workers)
        .run();
    Query last(*journal.database, "SELECT MAX(session) FROM sessions");
    last.next();
    journal.session = last.integer(0);
  });
}

void RunJournal::end_session(std::string_view end, const RunState& state) {
  Implementation& journal = *implementation_;
  if (!journal.session) throw InternalError("A journal's session ended before it began.");
  journal.transaction([&] {
    Query(*journal.database, "UPDATE sessions SET ending = ? WHERE session = ?")
        .with(std::string(end))
        .with(*journal.session)
        .run();
    write_state(*journal.database, state);
  });
}

void RunJournal::set_state(const RunState& state) {
  Implementation& journal = *implementation_;
  journal.transaction([&] { write_state(*journal.database, state); });
}

void RunJournal::record_epoch(std::int64_t evaluation, const EpochRow& epoch) {
  Implementation& journal = *implementation_;
  journal.transaction([&] { write_epoch(*journal.database, evaluation, epoch); });
}

void RunJournal::record_training(const TrainingRow& training) {
  Implementation& journal = *implementation_;
  journal.transaction([&] {
    Query(*journal.database,
          "INSERT OR REPLACE INTO trainings (evaluation, dataset, status, test_accuracy, seconds) "
          "VALUES (?, ?, ?, ?, ?)")
        .with(training.evaluation)
        .with(training.dataset)
        .with(training.status)
        .with(training.test_accuracy)
        .with(training.seconds)
        .run();
    // Those of a longer training before it, of another recipe, are not its own.
    Query(*journal.database, "DELETE FROM epochs WHERE evaluation = ?").with(training.evaluation).run();
    for (const EpochRow& epoch : training.epochs) write_epoch(*journal.database, training.evaluation, epoch);
  });
}

}  // namespace assay
