#include "journal_file.hpp"

#include "assay/base/error.hpp"

#include "identity.hpp"
#include "schema.hpp"

#include <ctime>
#include <utility>

namespace assay {
namespace {

constexpr int busy_timeout_ms = 5000;

// A commit costs as much as the rows of some generations without scores, and so does a thread; such
// generations come every few milliseconds.
constexpr std::chrono::milliseconds batch_interval{50};

}  // namespace

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

RunJournal::Implementation::Writing::Writing(SQLite::Database& database)
    : archive(database),
      generation(database,
                 "INSERT OR REPLACE INTO generations (generation, proposed, duplicates, evaluated, failed, "
                 "seconds) VALUES (?, ?, ?, ?, ?, ?)"),
      rejection(database, "INSERT OR REPLACE INTO rejections (reason, count, smallest) VALUES (?, ?, ?)"),
      session_seconds(database, "UPDATE sessions SET seconds = ? WHERE session = ?") {}

// SQLite itself needs to write even for reports: it rolls back what a killed process left half done.
void RunJournal::Implementation::open() {
  guarded(path, [&] {
    // Without locks of its own: one thread at a time uses it, and locks would take a third of an insert.
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX,
                                                  busy_timeout_ms);
    check_schema(*database, path);
    identity = read_identity(*database, path);
    if (!lock) {
      stand_in(*database, identity.scores);
      database->exec("PRAGMA query_only = ON");
    }
    evaluations = std::make_unique<EvaluationTable>(*database, identity, path);
  });
}

void RunJournal::Implementation::check_content() const {
  guarded(path, [&] {
    Query check(*database, "PRAGMA quick_check(1)");
    const std::string verdict = check.next() ? check.text(0) : "no answer";
    if (verdict != "ok") throw_damaged(path, verdict);
    evaluations->check_complete();
  });
}

void RunJournal::Implementation::prepare_to_write(const RunIdentity& wanted) {
  guarded(path, [&] {
    database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = NORMAL");
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    migrate(*database, identity.scores);
    if (identity.estimator_json.empty() && !wanted.estimator_json.empty()) {  // an earlier format kept none
      identity.estimator_json = wanted.estimator_json;
      write_value(*database, "estimator", identity.estimator_json);
    }
    transaction.commit();
  });
}

std::int64_t RunJournal::Implementation::evaluation_count() {
  if (!is_writer()) return guarded(path, [&] { return evaluations->count(); });
  if (!evaluation_count_) evaluation_count_ = read([&] { return evaluations->count(); });
  return *evaluation_count_;
}

void RunJournal::Implementation::enqueue(GenerationBatch::Generation generation,
                                         const Rejections& rejections) {
  std::int64_t count = evaluation_count();
  for (const EvaluationRow& row : generation.evaluations) {
    if (row.evaluation != count++) throw InternalError("An evaluation came out of order into its journal.");
  }
  enqueued_.generations.push_back(std::move(generation));
  enqueued_.rejections = rejections;
  evaluation_count_ = count;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_batch_ < batch_interval) return;
  last_batch_ = now;
  wait();
  // Deferred where no thread can be had: then whoever waits for it writes.
  hand_over(std::launch::async | std::launch::deferred);
}

void RunJournal::Implementation::hand_over(std::launch policy) {
  batch_ = std::exchange(enqueued_, {});
  thread_ = std::async(policy, [this] { write_batch(); });
}

void RunJournal::Implementation::wait() {
  if (!thread_.valid()) return;
  try {
    thread_.get();
  } catch (...) {
    abandon();
    throw;
  }
}

void RunJournal::Implementation::settle() {
  wait();
  if (enqueued_.generations.empty()) return;
  hand_over(std::launch::deferred);
  wait();
}

void RunJournal::Implementation::abandon() {
  thread_ = {};  // waits for a thread at work
  enqueued_ = {};
  evaluation_count_.reset();
}

void RunJournal::Implementation::close() {
  if (!database) return;
  settle();
  writing.reset();
  evaluations.reset();
  if (lock) {
    guarded(path, [&] {
      // Copies the -wal file into the journal; a reader at work keeps the mode as it is.
      try {
        database->exec("PRAGMA journal_mode = DELETE");
      } catch (const SQLite::Exception& error) {
        if (!is_busy(error)) throw;
      }
    });
  }
  database.reset();
  lock.reset();
}

}  // namespace assay
