#include "assay/store/run_journal.hpp"

#include "assay/base/error.hpp"

#include "database.hpp"
#include "evaluation_table.hpp"
#include "identity.hpp"
#include "lock_file.hpp"
#include "schema.hpp"

#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

constexpr int busy_timeout_ms = 5000;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

void check_is_there(const std::string& path) {
  if (is_there(path)) return;
  throw InputError(
      fmt::format("There is no run journal {}. Check the name, or start the run without resuming.", path));
}

void check_settings(const RunIdentity& identity) {
  if (!nlohmann::json::accept(identity.settings_json) ||
      !nlohmann::json::parse(identity.settings_json).is_object()) {
    throw InternalError("A run's settings have to be a JSON object.");
  }
}

}  // namespace

struct RunJournal::Implementation {
  std::string path;
  std::unique_ptr<LockFile> lock;  // writers have one; outlives the database
  std::unique_ptr<SQLite::Database> database;
  RunIdentity identity;
  std::unique_ptr<EvaluationTable> evaluations;

  // SQLite itself needs to write even for reports: it rolls back what a killed process left half done.
  void open() {
    guarded(path, [&] {
      database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE, busy_timeout_ms);
      if (!lock) database->exec("PRAGMA query_only = ON");
      check_schema(*database, path);
      identity = read_identity(*database, path);
      evaluations = std::make_unique<EvaluationTable>(*database, identity, path);
      if (!lock) return;
      database->exec("PRAGMA journal_mode = WAL");
      database->exec("PRAGMA synchronous = NORMAL");
    });
  }

  // Everything that a resumed run relies on. Reports skip it: it reads the whole file.
  void check_content() const {
    guarded(path, [&] {
      Query check(*database, "PRAGMA quick_check(1)");
      const std::string verdict = check.next() ? check.text(0) : "no answer";
      if (verdict != "ok") throw_damaged(path, verdict);
      evaluations->check_complete();
    });
  }

  template <class Write>
  void transaction(Write&& write) const {
    guarded(path, [&] {
      SQLite::Transaction open_transaction(*database);
      write();
      open_transaction.commit();
    });
  }

  void write_results(const std::string& kind, std::span<const ResultRow> rows) const {
    Query(*database, "DELETE FROM results WHERE kind = ?").with(kind).run();
    Query insert_row(*database,
                     "INSERT INTO results (kind, position, evaluation, rank_score) VALUES (?, ?, ?, ?)");
    std::int64_t position = 0;
    for (const ResultRow& row : rows) {
      insert_row.with(kind).with(position++).with(row.evaluation).with(row.rank_score).run();
    }
  }

  std::vector<ResultRow> read_results(const std::string& kind) const {
    return guarded(path, [&] {
      Query query(*database, "SELECT evaluation, rank_score FROM results WHERE kind = ? ORDER BY position");
      query.with(kind);
      std::vector<ResultRow> rows;
      while (query.next()) rows.push_back({query.integer(0), query.number(1)});
      return rows;
    });
  }

  void write_epoch(std::int64_t evaluation, const EpochRow& row) const {
    Query(*database,
          "INSERT OR REPLACE INTO epochs (evaluation, epoch, learning_rate, train_loss, train_accuracy, "
          "test_loss, "
          "test_accuracy, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
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

  std::vector<EpochRow> read_epochs(std::int64_t evaluation) const {
    Query query(*database,
                "SELECT epoch, learning_rate, train_loss, train_accuracy, test_loss, test_accuracy, seconds "
                "FROM epochs "
                "WHERE evaluation = ? ORDER BY epoch");
    query.with(evaluation);
    std::vector<EpochRow> rows;
    while (query.next()) {
      rows.push_back({static_cast<int>(query.integer(0)), query.number(1), query.number(2), query.number(3),
                      query.number(4), query.number(5), query.number(6)});
    }
    return rows;
  }
};

RunJournal::RunJournal(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
RunJournal::RunJournal(RunJournal&&) noexcept = default;
RunJournal& RunJournal::operator=(RunJournal&&) noexcept = default;

RunJournal::~RunJournal() {
  try {
    if (implementation_) close();
  } catch (const std::exception&) {
    // What was committed stays in the -wal file and is there when the journal is opened again.
  }
}

RunJournal RunJournal::create(const std::string& path, const RunIdentity& identity) {
  check_settings(identity);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->lock = std::make_unique<LockFile>(path);
  if (is_there(path)) {
    throw InputError(fmt::format(
        "The run journal {} exists already. Resume that run, or give the new one another name.", path));
  }
  // Under its own name only when complete: a journal is never half made, whenever the process dies.
  const std::string unfinished = path + ".new";
  std::error_code error;
  std::filesystem::remove(unfinished, error);
  try {
    guarded(path, [&] {
      SQLite::Database database(unfinished, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      SQLite::Transaction transaction(database);
      create_schema(database, identity.scores);
      write_identity(database, identity);
      write_value(database, "created_utc", utc_now());
      write_value(database, "state", "running");
      transaction.commit();
    });
  } catch (const InputError&) {
    std::filesystem::remove(unfinished, error);
    throw;
  }
  std::filesystem::rename(unfinished, path, error);
  if (error)
    throw InputError(fmt::format("The run journal {} cannot be created: {}.", path, error.message()));
  journal->open();
  return RunJournal(std::move(journal));
}

RunJournal RunJournal::resume(const std::string& path, const RunIdentity& identity) {
  check_settings(identity);
  check_is_there(path);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->lock = std::make_unique<LockFile>(path);
  journal->open();
  check_same_run(journal->identity, identity, path);
  journal->check_content();
  RunJournal resumed(std::move(journal));
  resumed.set_state("running", "");
  return resumed;
}

RunJournal RunJournal::open_to_read(const std::string& path) {
  check_is_there(path);
  auto journal = std::make_unique<Implementation>();
  journal->path = path;
  journal->open();
  return RunJournal(std::move(journal));
}

void RunJournal::close() {
  Implementation& journal = *implementation_;
  if (!journal.database) return;
  journal.evaluations.reset();
  if (journal.lock) {
    guarded(journal.path, [&] {
      // Copies the -wal file into the journal; a reader at work keeps the mode as it is.
      try {
        journal.database->exec("PRAGMA journal_mode = DELETE");
      } catch (const SQLite::Exception& error) {
        if (!is_busy(error)) throw;
      }
    });
  }
  journal.database.reset();
  journal.lock.reset();
}

const std::string& RunJournal::path() const {
  return implementation_->path;
}

const RunIdentity& RunJournal::identity() const {
  return implementation_->identity;
}

void RunJournal::commit_generation(std::span<const EvaluationRow> evaluations,
                                   const GenerationRow& generation, const Rejections& rejections) {
  Implementation& journal = *implementation_;
  journal.transaction([&] {
    std::int64_t expected = journal.evaluations->count();
    for (const EvaluationRow& row : evaluations) {
      if (row.evaluation != expected++)
        throw InternalError("An evaluation came out of order into its journal.");
      journal.evaluations->insert(row);
    }
    Query(*journal.database,
          "INSERT OR REPLACE INTO generations (generation, proposed, duplicates, evaluated, failed) "
          "VALUES (?, ?, ?, ?, ?)")
        .with(generation.generation)
        .with(generation.proposed)
        .with(generation.duplicates)
        .with(generation.evaluated)
        .with(generation.failed)
        .run();
    Query insert_reason(*journal.database,
                        "INSERT OR REPLACE INTO rejections (reason, count, smallest) VALUES (?, ?, ?)");
    for (const auto& [reason, rejection] : rejections) {
      insert_reason.with(reason).with(rejection.count).with(rejection.smallest.value_or(nan)).run();
    }
  });
}

void RunJournal::record_results(std::span<const ResultRow> front, std::span<const ResultRow> shortlist) {
  implementation_->transaction([&] {
    implementation_->write_results("front", front);
    implementation_->write_results("shortlist", shortlist);
  });
}

void RunJournal::set_state(std::string_view state, std::string_view note) {
  implementation_->transaction([&] {
    write_value(*implementation_->database, "state", std::string(state));
    write_value(*implementation_->database, "state_note", std::string(note));
  });
}

void RunJournal::record_epoch(std::int64_t evaluation, const EpochRow& epoch) {
  implementation_->transaction([&] { implementation_->write_epoch(evaluation, epoch); });
}

void RunJournal::record_training(const TrainingRow& training) {
  implementation_->transaction([&] {
    Query(*implementation_->database,
          "INSERT OR REPLACE INTO trainings (evaluation, dataset, status, test_accuracy, seconds) "
          "VALUES (?, ?, ?, ?, ?)")
        .with(training.evaluation)
        .with(training.dataset)
        .with(training.status)
        .with(training.test_accuracy)
        .with(training.seconds)
        .run();
    for (const EpochRow& epoch : training.epochs) implementation_->write_epoch(training.evaluation, epoch);
  });
}

std::optional<EvaluationRow> RunJournal::recall(std::int64_t evaluation, std::uint64_t fingerprint) {
  std::optional<EvaluationRow> row = this->evaluation(evaluation);
  if (row && row->fingerprint != fingerprint) {
    throw InputError(fmt::format(
        "The run journal {} holds another network as evaluation {} than this run arrives at: it was "
        "written by another program, or on other input. Start a new run under another name.",
        path(), evaluation));
  }
  return row;
}

std::int64_t RunJournal::evaluation_count() const {
  return guarded(path(), [&] { return implementation_->evaluations->count(); });
}

std::optional<EvaluationRow> RunJournal::evaluation(std::int64_t index) const {
  return guarded(path(), [&] { return implementation_->evaluations->find(index); });
}

void RunJournal::for_each_evaluation(const std::function<bool(const EvaluationRow&)>& visit) const {
  guarded(path(), [&] { implementation_->evaluations->for_each(visit); });
}

std::vector<GenerationRow> RunJournal::generations() const {
  return guarded(path(), [&] {
    Query query(
        *implementation_->database,
        "SELECT generation, proposed, duplicates, evaluated, failed FROM generations ORDER BY generation");
    std::vector<GenerationRow> rows;
    while (query.next()) {
      rows.push_back(
          {query.integer(0), query.integer(1), query.integer(2), query.integer(3), query.integer(4)});
    }
    return rows;
  });
}

Rejections RunJournal::rejections() const {
  return guarded(path(), [&] {
    Query query(*implementation_->database, "SELECT reason, count, smallest FROM rejections");
    Rejections rejections;
    while (query.next()) {
      Rejection& rejection = rejections[query.text(0)];
      rejection.count = query.integer(1);
      if (!std::isnan(query.number(2))) rejection.smallest = query.number(2);
    }
    return rejections;
  });
}

std::vector<ResultRow> RunJournal::front() const {
  return implementation_->read_results("front");
}

std::vector<ResultRow> RunJournal::shortlist() const {
  return implementation_->read_results("shortlist");
}

std::vector<TrainingRow> RunJournal::trainings() const {
  return guarded(path(), [&] {
    Query query(*implementation_->database,
                "SELECT evaluation, dataset, status, test_accuracy, seconds FROM trainings UNION ALL "
                "SELECT DISTINCT evaluation, '', 'unfinished', NULL, 0 FROM epochs "
                "WHERE evaluation NOT IN (SELECT evaluation FROM trainings) ORDER BY evaluation");
    std::vector<TrainingRow> rows;
    while (query.next()) {
      const std::int64_t evaluation = query.integer(0);
      rows.push_back({evaluation, query.text(1), query.text(2), query.number(3), query.number(4),
                      implementation_->read_epochs(evaluation)});
    }
    return rows;
  });
}

std::string RunJournal::state() const {
  return guarded(path(), [&] { return read_value(*implementation_->database, "state"); });
}

std::string RunJournal::state_note() const {
  return guarded(path(), [&] { return read_value(*implementation_->database, "state_note"); });
}

std::string RunJournal::created_utc() const {
  return guarded(path(), [&] { return read_value(*implementation_->database, "created_utc"); });
}

}  // namespace assay
