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
  static std::string create_sql(const std::string& table, const std::vector<std::string>& scores);

  // All but the name must outlive the object; `path` is for messages.
  EvaluationTable(SQLite::Database& database, const RunIdentity& identity, const std::string& path,
                  std::string table = "evaluations");

  void insert(const EvaluationRow& row);
  std::optional<EvaluationRow> find(std::int64_t evaluation);
  void for_each(const std::function<bool(const EvaluationRow&)>& visit);
  void for_each_score(std::size_t score, const std::function<bool(double)>& visit);
  void for_each_cost(JournalCost cost, const std::function<bool(double)>& visit);
  std::int64_t count();
  // Throws InputError unless evaluations are numbered without gaps.
  void check_complete();

 private:
  void pack(std::span<const std::uint16_t> choices);  // into packed_
  std::vector<std::uint16_t> unpack(const std::string& packed) const;
  EvaluationRow read(const Query& query) const;
  void for_each_number(const std::string& column, const std::function<bool(double)>& visit);

  SQLite::Database& database_;
  const RunIdentity& identity_;
  const std::string& path_;
  std::string table_;
  std::size_t choice_bytes_ = 1;
  std::string packed_;
  // Prepared once: they run for each candidate.
  Query select_one_;
  std::optional<Query> insert_;
};

}  // namespace assay
