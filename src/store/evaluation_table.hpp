// The table that grows with the run: one row per evaluated candidate, about 130 bytes with three scores and
// thirty decisions. Scores have columns of their own, so that any SQL tool can read them; choices are packed.
#pragma once

#include "assay/store/run_journal.hpp"

#include "database.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay {

class EvaluationTable {
 public:
  static void create(SQLite::Database& database, const std::vector<std::string>& scores);

  // All three must outlive the table; `path` is for messages.
  EvaluationTable(SQLite::Database& database, const RunIdentity& identity, const std::string& path);

  void insert(const EvaluationRow& row);
  std::optional<EvaluationRow> find(std::int64_t evaluation);
  void for_each(const std::function<bool(const EvaluationRow&)>& visit);
  std::int64_t count();
  // Throws InputError unless evaluations are numbered without gaps.
  void check_complete();

 private:
  std::string pack(std::span<const std::uint16_t> choices) const;
  std::vector<std::uint16_t> unpack(const std::string& packed) const;
  EvaluationRow read(const Query& query) const;

  SQLite::Database& database_;
  const RunIdentity& identity_;
  const std::string& path_;
  std::size_t choice_bytes_ = 1;
  // Prepared once: they run for each candidate.
  Query select_one_;
  std::optional<Query> insert_;
};

}  // namespace assay
