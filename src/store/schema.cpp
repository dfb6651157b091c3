#include "schema.hpp"

#include "assay/base/error.hpp"

#include "evaluation_table.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::int64_t application_id = 0x61736179;  // "asay"
constexpr std::int64_t schema_version = 1;

}  // namespace

void create_schema(SQLite::Database& database, const std::vector<std::string>& scores) {
  database.exec(R"(
    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE generations (
      generation INTEGER PRIMARY KEY, proposed INTEGER NOT NULL, duplicates INTEGER NOT NULL,
      evaluated INTEGER NOT NULL, failed INTEGER NOT NULL);
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
  EvaluationTable::create(database, scores);
  database.exec(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", application_id, schema_version));
}

void check_schema(SQLite::Database& database, const std::string& path) {
  const auto pragma = [&](const std::string& name) {
    Query query(database, "PRAGMA " + name);
    return query.next() ? query.integer(0) : 0;
  };
  if (pragma("application_id") != application_id) {
    throw InputError(
        fmt::format("{} is a database, but not a run journal. Name a file that an assay search has "
                    "written.",
                    path));
  }
  if (const std::int64_t version = pragma("user_version"); version != schema_version) {
    throw InputError(
        fmt::format("The run journal {} has format {}, but this version of assay reads format {}. Use the "
                    "version that wrote it, or start a new run under another name.",
                    path, version, schema_version));
  }
}

}  // namespace assay
