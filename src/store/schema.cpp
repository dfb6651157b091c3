#include "schema.hpp"

#include "assay/base/error.hpp"

#include "archive_table.hpp"
#include "evaluation_table.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::int64_t application_id = 0x61736179;  // "asay"
// 1: without archive, sessions, baseline and the seconds of generations.
// 2: the present one.
constexpr std::int64_t schema_version = 2;

constexpr const char* sessions_sql =
    "sessions (session INTEGER PRIMARY KEY, started_utc TEXT NOT NULL, seconds REAL NOT NULL, command TEXT "
    "NOT "
    "NULL, assay_version TEXT NOT NULL, libraries TEXT NOT NULL, isa TEXT NOT NULL, hardware TEXT NOT NULL, "
    "workers INTEGER NOT NULL, ending TEXT NOT NULL);";

std::int64_t pragma(SQLite::Database& database, const std::string& name) {
  Query query(database, "PRAGMA " + name);
  return query.next() ? query.integer(0) : 0;
}

}  // namespace

void create_schema(SQLite::Database& database, const std::vector<std::string>& scores) {
  database.exec(R"(
    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE generations (
      generation INTEGER PRIMARY KEY, proposed INTEGER NOT NULL, duplicates INTEGER NOT NULL,
      evaluated INTEGER NOT NULL, failed INTEGER NOT NULL, seconds REAL NOT NULL);
    CREATE TABLE rejections (reason TEXT PRIMARY KEY, count INTEGER NOT NULL, smallest REAL) WITHOUT ROWID;
    CREATE TABLE results (
      kind TEXT NOT NULL, position INTEGER NOT NULL, evaluation INTEGER NOT NULL, rank_score REAL NOT NULL,
      PRIMARY KEY (kind, position)) WITHOUT ROWID;
    CREATE TABLE trainings (
      evaluation INTEGER PRIMARY KEY, dataset TEXT NOT NULL, status TEXT NOT NULL, test_accuracy REAL,
      seconds REAL NOT NULL);
    CREATE TABLE epochs (
      evaluation INTEGER NOT NULL, epoch INTEGER NOT NULL, learning_rate REAL, train_loss REAL,
      train_accuracy REAL, test_loss REAL, test_accuracy REAL, seconds REAL,
      PRIMARY KEY (evaluation, epoch)) WITHOUT ROWID;)");
  database.exec(EvaluationTable::create_sql("evaluations", scores));
  database.exec(EvaluationTable::create_sql("baseline", scores));
  database.exec(fmt::format("CREATE TABLE {} CREATE TABLE {}", ArchiveTable::schema, sessions_sql));
  database.exec(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", application_id, schema_version));
}

void check_schema(SQLite::Database& database, const std::string& path) {
  if (pragma(database, "application_id") != application_id) {
    throw InputError(
        fmt::format("{} is a database, but not a run journal. Name a file that an assay search has "
                    "written.",
                    path));
  }
  const std::int64_t version = pragma(database, "user_version");
  if (version < 1 || version > schema_version) {
    throw InputError(
        fmt::format("The run journal {} has format {}, but this version of assay reads formats 1 to {}. Use "
                    "the version that wrote it, or start a new run under another name.",
                    path, version, schema_version));
  }
}

void migrate(SQLite::Database& database, const std::vector<std::string>& scores) {
  if (pragma(database, "user_version") == schema_version) return;
  database.exec("ALTER TABLE generations ADD COLUMN seconds REAL NOT NULL DEFAULT 0");
  database.exec(EvaluationTable::create_sql("baseline", scores));
  database.exec(fmt::format("CREATE TABLE {} CREATE TABLE {}", ArchiveTable::schema, sessions_sql));
  database.exec(fmt::format("PRAGMA user_version = {}", schema_version));
}

void stand_in(SQLite::Database& database, const std::vector<std::string>& scores) {
  if (pragma(database, "user_version") == schema_version) return;
  database.exec("PRAGMA temp_store = MEMORY");
  database.exec("CREATE TEMP VIEW generations AS SELECT *, 0.0 AS seconds FROM main.generations");
  database.exec(EvaluationTable::create_sql("temp.baseline", scores));
  database.exec(fmt::format("CREATE TEMP TABLE {} CREATE TEMP TABLE {}", ArchiveTable::schema, sessions_sql));
}

}  // namespace assay
