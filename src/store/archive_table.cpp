#include "archive_table.hpp"

#include <algorithm>
#include <iterator>

namespace assay {

ArchiveTable::ArchiveTable(SQLite::Database& database)
    : reopen_(database, "UPDATE archive SET gone = NULL WHERE evaluation = ? AND gone = ?"),
      open_(database, "INSERT INTO archive (evaluation, since) VALUES (?, ?)"),
      drop_(database, "DELETE FROM archive WHERE evaluation = ? AND since = ? AND gone IS NULL"),
      close_(database, "UPDATE archive SET gone = ? WHERE evaluation = ? AND gone IS NULL") {
  Query query(database, "SELECT evaluation FROM archive WHERE gone IS NULL ORDER BY evaluation");
  while (query.next()) front_.push_back(query.integer(0));
}

void ArchiveTable::update(std::int64_t generation, std::span<const std::int64_t> front) {
  next_.assign(front.begin(), front.end());
  std::ranges::sort(next_);
  std::vector<std::int64_t> came, went;
  std::ranges::set_difference(next_, front_, std::back_inserter(came));
  std::ranges::set_difference(front_, next_, std::back_inserter(went));
  for (const std::int64_t evaluation : came) {
    // It may have left in the first part of this very generation: then it was there all the time.
    if (reopen_.with(evaluation).with(generation).run() == 0) open_.with(evaluation).with(generation).run();
  }
  for (const std::int64_t evaluation : went) {
    if (drop_.with(evaluation).with(generation).run() == 0) close_.with(generation).with(evaluation).run();
  }
}

std::vector<ArchiveRow> ArchiveTable::read(SQLite::Database& database) {
  Query query(database, "SELECT evaluation, since, gone FROM archive ORDER BY since, evaluation");
  std::vector<ArchiveRow> rows;
  while (query.next()) rows.push_back({query.integer(0), query.integer(1), query.optional_integer(2)});
  return rows;
}

}  // namespace assay
