#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "identity.hpp"
#include "journal_file.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace assay {
namespace {

std::vector<ResultRow> read_results(SQLite::Database& database, const std::string& kind) {
  Query query(database, "SELECT evaluation, rank_score FROM results WHERE kind = ? ORDER BY position");
  query.with(kind);
  std::vector<ResultRow> rows;
  while (query.next()) rows.push_back({query.integer(0), query.number(1)});
  return rows;
}

// Results among the evaluations.
std::vector<ResultRow> read_evaluated(SQLite::Database& database, EvaluationTable& evaluations,
                                      const std::string& kind, const std::string& path) {
  std::vector<ResultRow> rows = read_results(database, kind);
  const std::int64_t count = evaluations.count();  // asked behind the rows: a run that goes on has more
  for (const ResultRow& row : rows) {
    if (row.evaluation < 0 || row.evaluation >= count)
      throw_damaged(path,
                    fmt::format("its {} names evaluation {}, which it does not hold", kind, row.evaluation));
  }
  return rows;
}

std::vector<EpochRow> read_epochs(SQLite::Database& database, std::int64_t evaluation) {
  Query query(database,
              "SELECT epoch, learning_rate, train_loss, train_accuracy, test_loss, test_accuracy, seconds "
              "FROM epochs WHERE evaluation = ? ORDER BY epoch");
  query.with(evaluation);
  std::vector<EpochRow> rows;
  while (query.next()) {
    rows.push_back({static_cast<int>(query.integer(0)), query.number(1), query.number(2), query.number(3),
                    query.number(4), query.number(5), query.number(6)});
  }
  return rows;
}

}  // namespace

std::optional<EvaluationRow> RunJournal::recall(std::int64_t evaluation, std::uint64_t fingerprint) {
  // Beyond what was recalled a search asks in vain for each candidate: no statement for that.
  if (evaluation >= evaluation_count()) return std::nullopt;
  std::optional<EvaluationRow> row = this->evaluation(evaluation);
  if (row && row->fingerprint != fingerprint) {
    throw InputError(fmt::format(
        "The run journal {} holds another network as evaluation {} than this run arrives at: it was "
        "written by another program, or on other input. Start a new run under another name.",
        path(), evaluation));
  }
  return row;
}

std::int64_t RunJournal::evaluation_count() const {
  return implementation_->evaluation_count();
}

std::optional<EvaluationRow> RunJournal::evaluation(std::int64_t index) const {
  return implementation_->read([&] { return implementation_->evaluations->find(index); });
}

void RunJournal::for_each_evaluation(const std::function<bool(const EvaluationRow&)>& visit) const {
  implementation_->read([&] { implementation_->evaluations->for_each(visit); });
}

void RunJournal::for_each_score(std::size_t score, const std::function<bool(double)>& visit) const {
  implementation_->read([&] { implementation_->evaluations->for_each_score(score, visit); });
}

void RunJournal::for_each_cost(JournalCost cost, const std::function<bool(double)>& visit) const {
  implementation_->read([&] { implementation_->evaluations->for_each_cost(cost, visit); });
}

std::vector<GenerationRow> RunJournal::generations() const {
  return implementation_->read([&] {
    Query query(*implementation_->database,
                "SELECT generation, proposed, duplicates, evaluated, failed, seconds FROM generations "
                "ORDER BY generation");
    std::vector<GenerationRow> rows;
    while (query.next()) {
      rows.push_back({query.integer(0), query.integer(1), query.integer(2), query.integer(3),
                      query.integer(4), query.number(5)});
    }
    return rows;
  });
}

double RunJournal::search_seconds() const {
  return implementation_->read([&] {
    Query query(*implementation_->database,
                "SELECT seconds FROM generations ORDER BY generation DESC LIMIT 1");
    return query.next() ? query.number(0) : 0;
  });
}

std::vector<ArchiveRow> RunJournal::archive() const {
  return implementation_->read([&] { return ArchiveTable::read(*implementation_->database); });
}

std::optional<BaselineRow> RunJournal::baseline() const {
  return implementation_->read([&]() -> std::optional<BaselineRow> {
    EvaluationTable table(*implementation_->database, identity(), path(), "baseline");
    std::optional<EvaluationRow> row = table.find(-1);
    if (!row) return std::nullopt;
    BaselineRow baseline{.row = std::move(*row)};
    const std::vector<ResultRow> ranked = read_results(*implementation_->database, "baseline");
    if (!ranked.empty()) baseline.rank_score = ranked.front().rank_score;
    return baseline;
  });
}

std::vector<SessionRow> RunJournal::sessions() const {
  return implementation_->read([&] {
    Query query(
        *implementation_->database,
        "SELECT started_utc, seconds, command, assay_version, libraries, isa, hardware, workers, ending "
        "FROM sessions ORDER BY session");
    std::vector<SessionRow> rows;
    while (query.next()) {
      rows.push_back({query.text(0), query.number(1), query.text(2), query.text(3), query.text(4),
                      query.text(5), query.text(6), static_cast<int>(query.integer(7)), query.text(8)});
    }
    return rows;
  });
}

Rejections RunJournal::rejections() const {
  return implementation_->read([&] {
    Query query(*implementation_->database, "SELECT reason, count, smallest FROM rejections");
    Rejections rejections;
    while (query.next()) {
      Rejection& rejection = rejections[query.text(0)];
      rejection.count = query.integer(1);
      if (!std::isnan(query.number(2))) rejection.smallest = query.number(2);
    }
    return rejections;
  });
}

std::vector<ResultRow> RunJournal::front() const {
  return implementation_->read([&] {
    return read_evaluated(*implementation_->database, *implementation_->evaluations, "front", path());
  });
}

std::vector<ResultRow> RunJournal::shortlist() const {
  return implementation_->read([&] {
    return read_evaluated(*implementation_->database, *implementation_->evaluations, "shortlist", path());
  });
}

void RunJournal::throw_inconsistent(const std::string& what) const {
  throw_damaged(path(), what);
}

std::optional<int> RunJournal::shortlist_size() const {
  return implementation_->read([&] {
    const auto size = parse_integer(read_value(*implementation_->database, "shortlist_size"));
    return size && *size >= 1 && *size <= std::numeric_limits<int>::max()
               ? std::optional(static_cast<int>(*size))
               : std::nullopt;
  });
}

std::vector<TrainingRow> RunJournal::trainings() const {
  return implementation_->read([&] {
    Query query(*implementation_->database,
                "SELECT evaluation, dataset, status, test_accuracy, seconds FROM trainings UNION ALL "
                "SELECT DISTINCT evaluation, '', 'unfinished', NULL, 0 FROM epochs "
                "WHERE evaluation NOT IN (SELECT evaluation FROM trainings) ORDER BY evaluation");
    std::vector<TrainingRow> rows;
    while (query.next()) {
      const std::int64_t evaluation = query.integer(0);
      rows.push_back({evaluation, query.text(1), query.text(2), query.number(3), query.number(4),
                      read_epochs(*implementation_->database, evaluation)});
    }
    return rows;
  });
}

std::string RunJournal::state() const {
  return implementation_->read([&] { return read_value(*implementation_->database, "state"); });
}

std::string RunJournal::state_note() const {
  return implementation_->read([&] { return read_value(*implementation_->database, "state_note"); });
}

std::string RunJournal::created_utc() const {
  return implementation_->read([&] { return read_value(*implementation_->database, "created_utc"); });
}

}  // namespace assay
