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

  // As the journal said when it was resumed.
  std::string earlier_state, earlier_note;

  // Of writers.
  struct Writing {
    explicit Writing(SQLite::Database& database);
    ArchiveTable archive;
    std::int64_t evaluations = 0;  // nobody else adds any
    Query generation, rejection, session_seconds;
  };
  std::unique_ptr<Writing> writing;
  std::optional<std::int64_t> session;
  std::chrono::steady_clock::time_point session_start;

  // Opens the file for a writer where there is a lock, else for a reader.
  void open();
  // Everything that a resumed run relies on. Reports skip it: it reads the whole file.
  void check_content() const;
  // Brings the file to the present format and prepares for writing.
  void prepare_to_write(const RunIdentity& wanted);
  void close();

  // All of what `write` does or nothing, and how long the session has lasted with it.
  template <class Write>
  void transaction(Write&& write) {
    guarded(path, [&] {
      SQLite::Transaction open_transaction(*database);
      std::forward<Write>(write)();
      if (session) touch_session();
      open_transaction.commit();
    });
  }

 private:
  void touch_session();
};

}  // namespace assay
