// What a RunJournal holds: the open database, its lock, and the statements that are prepared once because
// they run for each candidate or generation.
#pragma once

#include "assay/store/run_journal.hpp"

#include "archive_table.hpp"
#include "database.hpp"
#include "evaluation_table.hpp"
#include "lock_file.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

std::string utc_now();

// Generations that wait to be written, and all rejections up to the end of the last one.
struct GenerationBatch {
  struct Generation {
    std::vector<EvaluationRow> evaluations;
    GenerationRow counters;
    std::vector<std::int64_t> front;
  };
  std::vector<Generation> generations;
  Rejections rejections;
};

struct RunJournal::Implementation {
  std::string path;
  std::unique_ptr<LockFile> lock;  // writers have one; outlives the database
  std::unique_ptr<SQLite::Database> database;
  RunIdentity identity;
  std::unique_ptr<EvaluationTable> evaluations;

  RunState earlier_state;  // as the journal said when it was resumed

  // Of writers: the statements, and what the database holds.
  struct Writing {
    explicit Writing(SQLite::Database& database);
    ArchiveTable archive;
    Rejections rejections;  // those that this process has written
    Query generation, rejection, session_seconds;
  };
  std::unique_ptr<Writing> writing;  // none after a failure, until something is written again
  std::optional<std::int64_t> session;
  std::chrono::steady_clock::time_point session_start;

  // Opens the file for a writer where there is a lock, else for a reader.
  void open();
  // Everything that a resumed run relies on. Reports skip it: it reads the whole file.
  void check_content() const;
  // Brings the file to the present format and prepares for writing.
  void prepare_to_write(const RunIdentity& wanted);
  void close();

  // Evaluations are known at once and written behind the caller, by a thread that has the database to itself
  // until settle() has returned.
  bool is_writer() const { return lock != nullptr; }
  std::int64_t evaluation_count();
  void enqueue(GenerationBatch::Generation generation, const Rejections& rejections);
  // Everything enqueued is written. Throws what went wrong with that.
  void settle();
  // Drops what is enqueued.
  void abandon();

  template <class Read>
  auto read(Read&& read) {
    settle();
    return guarded(path, std::forward<Read>(read));
  }
  template <class Write>
  void transaction(Write&& write) {
    settle();
    commit(std::forward<Write>(write));
  }

 private:
  // As a whole or not at all, and with it how long the session has lasted.
  template <class Write>
  void commit(Write&& write) {
    guarded(path, [&] {
      try {
        if (!writing) writing = std::make_unique<Writing>(*database);
        SQLite::Transaction transaction(*database);
        write();
        const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - session_start;
        if (session) writing->session_seconds.with(lasted.count()).with(*session).run();
        transaction.commit();
      } catch (...) {
        writing.reset();  // it knows of what is undone now
        throw;
      }
    });
  }
  void hand_over(std::launch policy);  // what is enqueued, to the thread
  void write_batch();
  void wait();

  std::optional<std::int64_t> evaluation_count_;
  GenerationBatch enqueued_;
  GenerationBatch batch_;  // of the thread
  std::chrono::steady_clock::time_point last_batch_;
  std::future<void> thread_;  // last, so that it has ended before anything else does
};

}  // namespace assay
