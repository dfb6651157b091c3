#include "candidate_filter.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr const char* rank_score_name = "rank_score";
constexpr const char* percentile_name = "rank_score_percentile";

void check_floors(const std::vector<ScoreFloor>& floors, const ScoreService* service,
                  const Reference* reference) {
  std::vector<std::string> known;
  if (service != nullptr) known = service->settings().scores;
  if (reference != nullptr) known.insert(known.end(), {rank_score_name, percentile_name});
  for (const ScoreFloor& floor : floors) {
    if (std::ranges::find(known, floor.name) == known.end())
      throw InputError(fmt::format("assay filter: --min-score {}={:g}: \"{}\" is not computed.{}", floor.name,
                                   floor.limit, floor.name, suggestion(floor.name, known)));
  }
}

}  // namespace

std::string_view reason_kind(std::string_view reason) {
  return reason.substr(0, reason.find(':'));
}

std::int64_t chunks_of(std::size_t rows, std::size_t workers) {
  constexpr std::size_t worthwhile = 16;
  return static_cast<std::int64_t>(std::min(workers, (rows + worthwhile - 1) / worthwhile));
}

CandidateFilter::CandidateFilter(const Space& space, const Estimator* estimator, FilterRules rules,
                                 WorkerPool& pool, ScoreService* service, const Reference* reference)
    : space_(space),
      has_estimator_(estimator != nullptr),
      rules_(std::move(rules)),
      pool_(pool),
      service_(service),
      reference_(reference),
      seen_(remembered_networks) {
  check_floors(rules_.floors, service, reference);
  for (int i = 0; i < pool.size(); ++i) gates_.emplace_back(space, estimator, Counted::declared);
}

FilterResults CandidateFilter::results() const {
  return {.latency = has_estimator_,
          .scores = service_ != nullptr ? service_->settings().scores : std::vector<std::string>(),
          .rank_score = reference_ != nullptr};
}

std::span<const FilterRow> CandidateFilter::judge(const CandidateParser& parser, std::span<const Line> lines,
                                                  const std::stop_token& stop) {
  if (rows_.size() < lines.size()) rows_.resize(lines.size());
  const std::span<FilterRow> rows = std::span(rows_).first(lines.size());
  const std::int64_t chunks = chunks_of(lines.size(), gates_.size());
  pool_.run(chunks, [&](Worker&, std::int64_t chunk) {
    auto row = chunk_of(rows, chunk, chunks).begin();
    for (const Line& line : chunk_of(lines, chunk, chunks))
      look_at(parser, line, gates_[static_cast<std::size_t>(chunk)], *row++);
  });
  if (rules_.unique) {
    for (FilterRow& row : rows) {
      if (!row.kept()) continue;
      if (seen_.find(row.fingerprint) != nullptr) row.reason = "duplicate";
      seen_.insert(row.fingerprint, true);
    }
  }
  return service_ == nullptr ? rows : rows.first(score(rows, stop));
}

void CandidateFilter::look_at(const CandidateParser& parser, const Line& line, CandidateGate& gate,
                              FilterRow& row) const {
  row.estimated = false;
  row.scores.clear();
  row.rank_score = row.rank_score_percentile = std::numeric_limits<double>::quiet_NaN();
  row.reason.clear();
  try {
    if (line.too_long) {
      row.own.fields.clear();
      row.own.keys.clear();
      throw InputError(
          fmt::format("Line {} is longer than {}.", line.number, human_bytes(LineReader::longest)));
    }
    parser.parse(line.text, line.number, row.own);
  } catch (const InputError& error) {
    row.reason = fmt::format("invalid: {}", error.what());
    return;
  }
  const GateResult result = gate(row.own.candidate);
  row.fingerprint = result.fingerprint;
  row.costs = result.costs;
  row.estimated = result.failure.empty();
  if (!row.estimated)
    row.reason = "not_buildable: " + result.failure;
  else if (const auto metric = rules_.budget.exceeded(row.costs))
    row.reason = metric_name(*metric);
}

// Returns how many leading rows are done.
std::size_t CandidateFilter::score(std::span<FilterRow> rows, const std::stop_token& stop) {
  std::vector<std::size_t> passed;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].kept()) passed.push_back(i);
  const std::vector<ScoredNetwork> scored = service_->score(
      std::ssize(passed),
      [&](std::int64_t i) { return space_.decode(rows[passed[static_cast<std::size_t>(i)]].own.candidate); },
      stop);
  for (std::size_t i = 0; i < passed.size(); ++i) {
    if (!scored[i].done) return passed[i];
    judge_scores(scored[i].record, rows[passed[i]]);
  }
  return rows.size();
}

void CandidateFilter::judge_scores(const ScoreRecord& record, FilterRow& row) const {
  row.scores = record.values;
  if (!record.ok()) {
    row.reason = "not_scored: " + record.status;
    return;
  }
  if (reference_ != nullptr) {
    row.rank_score = reference_->rank_score(row.scores);
    row.rank_score_percentile = reference_->percentiles(row.scores).back();
  }
  const auto missed =
      std::ranges::find_if(rules_.floors, [&](const ScoreFloor& floor) { return !meets(floor, row); });
  if (missed != rules_.floors.end())
    row.reason = "min_score: " + missed->name;
  else if (rules_.least_rank_score && !(row.rank_score >= *rules_.least_rank_score))
    row.reason = rank_score_name;
}

bool CandidateFilter::meets(const ScoreFloor& floor, const FilterRow& row) const {
  if (floor.name == rank_score_name) return row.rank_score >= floor.limit;
  if (floor.name == percentile_name) return row.rank_score_percentile >= floor.limit;
  const std::vector<std::string>& names = service_->settings().scores;
  const double value =
      row.scores[static_cast<std::size_t>(std::ranges::find(names, floor.name) - names.begin())];
  return find_score(floor.name)->direction > 0 ? value >= floor.limit : value <= floor.limit;
}

}  // namespace assay::cli
