#include "evaluation_table.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr const char* fixed_columns =
    "evaluation, generation, fingerprint, choices, params, macs, peak_memory_bytes, latency_ms, "
    "latency_low_ms, "
    "latency_high_ms, extrapolated, status, seconds";
constexpr int fixed_column_count = 13;

// The prefix keeps scores such as "params" apart from the other columns.
std::string score_column(const std::string& score) {
  std::string column = "\"score_";
  for (const char c : score) column += c == '"' ? std::string("\"\"") : std::string(1, c);
  return column + '"';
}

std::string all_columns(const std::vector<std::string>& scores) {
  std::string columns = fixed_columns;
  for (const std::string& score : scores) columns += ", " + score_column(score);
  return columns;
}

std::string select_sql(const std::string& table, const std::vector<std::string>& scores,
                       const std::string& condition) {
  return fmt::format("SELECT {} FROM {} {}", all_columns(scores), table, condition);
}

std::string insert_sql(const std::string& table, const std::vector<std::string>& scores) {
  std::string places = "?";
  for (std::size_t i = 1; i < fixed_column_count + scores.size(); ++i) places += ", ?";
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, all_columns(scores), places);
}

}  // namespace

std::string EvaluationTable::create_sql(const std::string& table, const std::vector<std::string>& scores) {
  std::string sql = fmt::format(R"(
    CREATE TABLE {} (
      evaluation INTEGER PRIMARY KEY, generation INTEGER NOT NULL, fingerprint INTEGER NOT NULL,
      choices BLOB NOT NULL, params INTEGER NOT NULL, macs INTEGER NOT NULL, peak_memory_bytes INTEGER NOT NULL,
      latency_ms REAL, latency_low_ms REAL, latency_high_ms REAL, extrapolated INTEGER NOT NULL,
      status TEXT NOT NULL, seconds REAL NOT NULL)",
                                table);
  for (const std::string& score : scores) sql += ", " + score_column(score) + " REAL";
  return sql + ");";
}

EvaluationTable::EvaluationTable(SQLite::Database& database, const RunIdentity& identity,
                                 const std::string& path, std::string table)
    : database_(database),
      identity_(identity),
      path_(path),
      table_(std::move(table)),
      select_one_(database, select_sql(table_, identity.scores, "WHERE evaluation = ?")) {
  for (const JournalDecision& decision : identity.decisions) {
    if (decision.options.size() > 256) choice_bytes_ = 2;
  }
}

void EvaluationTable::insert(const EvaluationRow& row) {
  const bool good = row.status.empty();
  if (good && row.scores.size() != identity_.scores.size()) {
    throw InternalError("An evaluation has another number of scores than its journal.");
  }
  if (!insert_) insert_.emplace(database_, insert_sql(table_, identity_.scores));
  Query& query = *insert_;
  query.with(row.evaluation).with(row.generation).with(std::bit_cast<std::int64_t>(row.fingerprint));
  pack(row.choices);
  query.with_borrowed_blob(packed_).with(row.params).with(row.macs).with(row.peak_memory_bytes);
  query.with(row.latency_ms)
      .with(row.latency_low_ms)
      .with(row.latency_high_ms)
      .with(row.extrapolated ? 1 : 0);
  query.with_borrowed(row.status).with(row.seconds);
  for (std::size_t i = 0; i < identity_.scores.size(); ++i) {
    query.with(good ? row.scores[i] : std::numeric_limits<double>::quiet_NaN());
  }
  query.run();
}

std::optional<EvaluationRow> EvaluationTable::find(std::int64_t evaluation) {
  select_one_.reset();
  std::optional<EvaluationRow> row;
  if (select_one_.with(evaluation).next()) row = read(select_one_);
  select_one_.reset();
  return row;
}

void EvaluationTable::for_each(const std::function<bool(const EvaluationRow&)>& visit) {
  Query query(database_, select_sql(table_, identity_.scores, "ORDER BY evaluation"));
  while (query.next()) {
    if (!visit(read(query))) return;
  }
}

void EvaluationTable::for_each_number(const std::string& column, const std::function<bool(double)>& visit) {
  Query query(database_, fmt::format("SELECT {} FROM {} ORDER BY evaluation", column, table_));
  while (query.next()) {
    if (!visit(query.number(0))) return;
  }
}

void EvaluationTable::for_each_score(std::size_t score, const std::function<bool(double)>& visit) {
  for_each_number(score_column(identity_.scores.at(score)), visit);
}

void EvaluationTable::for_each_cost(JournalCost cost, const std::function<bool(double)>& visit) {
  constexpr const char* columns[] = {"params", "macs", "peak_memory_bytes", "latency_ms"};
  for_each_number(columns[static_cast<std::size_t>(cost)], visit);
}

std::int64_t EvaluationTable::count() {
  Query query(database_, fmt::format("SELECT COALESCE(MAX(evaluation) + 1, 0) FROM {}", table_));
  query.next();
  return query.integer(0);
}

void EvaluationTable::check_complete() {
  // In one statement: a run that is being written may get further between two.
  Query query(
      database_,
      fmt::format("SELECT COUNT(*), COALESCE(MIN(evaluation), 0), COALESCE(MAX(evaluation), -1) FROM {}",
                  table_));
  query.next();
  if (query.integer(1) != 0 || query.integer(2) != query.integer(0) - 1)
    throw_damaged(path_, "evaluations are missing");
}

// One byte a choice unless a decision has too many options for it.
void EvaluationTable::pack(std::span<const std::uint16_t> choices) {
  if (choices.size() != identity_.decisions.size()) {
    throw InternalError("A candidate has another number of choices than its journal has decisions.");
  }
  packed_.clear();
  for (const std::uint16_t choice : choices) {
    packed_ += static_cast<char>(choice & 0xff);
    if (choice_bytes_ == 2) packed_ += static_cast<char>(choice >> 8);
  }
}

std::vector<std::uint16_t> EvaluationTable::unpack(const std::string& packed) const {
  const std::size_t decisions = identity_.decisions.size();
  std::vector<std::uint16_t> choices(decisions);
  bool valid = packed.size() == decisions * choice_bytes_;
  for (std::size_t i = 0; valid && i < decisions; ++i) {
    const auto byte = [&](std::size_t at) {
      return static_cast<unsigned char>(packed[i * choice_bytes_ + at]);
    };
    const unsigned choice = choice_bytes_ == 1 ? byte(0) : byte(0) + 256u * byte(1);
    valid = choice < identity_.decisions[i].options.size();
    choices[i] = static_cast<std::uint16_t>(choice);
  }
  if (!valid) throw_damaged(path_, "the choices of a candidate do not fit the decisions");
  return choices;
}

EvaluationRow EvaluationTable::read(const Query& query) const {
  EvaluationRow row;
  row.evaluation = query.integer(0);
  row.generation = query.integer(1);
  row.fingerprint = std::bit_cast<std::uint64_t>(query.integer(2));
  row.choices = unpack(query.text(3));
  row.params = query.integer(4);
  row.macs = query.integer(5);
  row.peak_memory_bytes = query.integer(6);
  row.latency_ms = query.number(7);
  row.latency_low_ms = query.number(8);
  row.latency_high_ms = query.number(9);
  row.extrapolated = query.integer(10) != 0;
  row.status = query.text(11);
  row.seconds = query.number(12);
  for (int i = 0; i < static_cast<int>(identity_.scores.size()); ++i) {
    row.scores.push_back(query.number(fixed_column_count + i));
    if (row.status.empty() && !std::isfinite(row.scores.back())) {
      throw_damaged(path_, fmt::format("a score of evaluation {} is missing", row.evaluation));
    }
  }
  return row;
}

}  // namespace assay
