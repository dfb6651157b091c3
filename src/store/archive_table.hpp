// The archive over time: which evaluations were on the Pareto front from which generation to which. A run of
// thousands of generations changes its front by a few networks each time, so intervals are small where a copy
// of every front would not be.
#pragma once

#include "assay/store/run_journal.hpp"

#include "database.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

class ArchiveTable {
 public:
  static constexpr const char* schema =
      "archive (evaluation INTEGER NOT NULL, since INTEGER NOT NULL, gone INTEGER, "
      "PRIMARY KEY (evaluation, since)) WITHOUT ROWID;";

  // `database` must outlive the table.
  explicit ArchiveTable(SQLite::Database& database);

  // The front at the end of the generation, ascending. A generation that was cut short comes twice, and what
  // stands then is as if it had come once.
  void update(std::int64_t generation, std::span<const std::int64_t> front);

  static std::vector<ArchiveRow> read(SQLite::Database& database);

 private:
  std::vector<std::int64_t> front_;  // as the table has it; ascending
  std::int64_t latest_ = -1;         // generation that the table tells of
  Query reopen_, open_, drop_, close_;
};

}  // namespace assay
