// What a RunJournal holds: the open database, its lock, and the statements that are prepared once because
// they run for each candidate or generation.
#pragma once

#include "assay/store/run_journal.hpp"

#include "archive_table.hpp"
#include "database.hpp"
#include "evaluation_table.hpp"
#include "lock_file.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace assay {

std::string utc_now();

struct RunJournal::Implementation {
  std::string path;
  std::unique_ptr<LockFile> lock;  // writers have one; outlives the database
  std::unique_ptr<SQLite::Database> database;
  RunIdentity identity;
  std::unique_ptr<EvaluationTable> evaluations;

  RunState earlier_state;  // as the journal said when it was resumed

  // Of writers: the statements, and what the database holds with the open transaction.
  struct Writing {
    explicit Writing(SQLite::Database& database);
    ArchiveTable archive;
    std::int64_t evaluations = 0;  // nobody else adds any
    Rejections rejections;         // those that this process has written
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

  // Writes with whatever is in the open transaction; all of that is undone when `write` fails.
  template <class Write>
  void add(Write&& write) {
    guarded(path, [&] {
      try {
        begin();
        std::forward<Write>(write)();
      } catch (...) {
        roll_back();
        throw;
      }
    });
  }
  // With how long the session has lasted.
  void commit();
  void commit_if_due();
  void roll_back();
  template <class Write>
  void transaction(Write&& write) {
    add(std::forward<Write>(write));
    commit();
  }

 private:
  void begin();

  std::optional<SQLite::Transaction> open_transaction_;
  std::chrono::steady_clock::time_point last_commit_;
};

}  // namespace assay
