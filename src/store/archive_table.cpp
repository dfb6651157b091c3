#include "archive_table.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

namespace assay {

ArchiveTable::ArchiveTable(SQLite::Database& database)
    : reopen_(database, "UPDATE archive SET gone = NULL WHERE evaluation = ? AND gone = ?"),
      open_(database, "INSERT INTO archive (evaluation, since) VALUES (?, ?)"),
      drop_(database, "DELETE FROM archive WHERE evaluation = ? AND since = ? AND gone IS NULL"),
      close_(database, "UPDATE archive SET gone = ? WHERE evaluation = ? AND gone IS NULL") {
  Query query(database, "SELECT evaluation FROM archive WHERE gone IS NULL ORDER BY evaluation");
  while (query.next()) front_.push_back(query.integer(0));
  Query latest(database, "SELECT COALESCE(MAX(MAX(since, COALESCE(gone, since))), -1) FROM archive");
  if (latest.next()) latest_ = latest.integer(0);
}

void ArchiveTable::update(std::int64_t generation, std::span<const std::int64_t> front) {
  if (!std::ranges::is_sorted(front)) throw InternalError("A front came unsorted into its journal.");
  // What left in the first part of this very generation was there all the time; what came in it never was.
  const bool again = generation <= latest_;
  const auto came = [&](std::int64_t evaluation) {
    if (again && reopen_.with(evaluation).with(generation).run() > 0) return;
    open_.with(evaluation).with(generation).run();
  };
  const auto went = [&](std::int64_t evaluation) {
    if (again && drop_.with(evaluation).with(generation).run() > 0) return;
    close_.with(generation).with(evaluation).run();
  };
  auto old = front_.begin();
  for (const std::int64_t evaluation : front) {
    for (; old != front_.end() && *old < evaluation; ++old) went(*old);
    if (old != front_.end() && *old == evaluation)
      ++old;
    else
      came(evaluation);
  }
  std::for_each(old, front_.end(), went);
  latest_ = std::max(latest_, generation);
  front_.assign(front.begin(), front.end());
}

std::vector<ArchiveRow> ArchiveTable::read(SQLite::Database& database) {
  Query query(database, "SELECT evaluation, since, gone FROM archive ORDER BY since, evaluation");
  std::vector<ArchiveRow> rows;
  while (query.next()) rows.push_back({query.integer(0), query.integer(1), query.optional_integer(2)});
  return rows;
}

}  // namespace assay
