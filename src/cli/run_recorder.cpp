#include "run_recorder.hpp"

#include "assay/base/error.hpp"

#include <cmath>
#include <utility>

namespace assay::cli {

namespace {

EvaluationRow row_of(std::int64_t evaluation, std::int64_t generation, const Candidate& candidate,
                     const GateResult& gate, const ScoreRow& row) {
  return {.evaluation = evaluation,
          .generation = generation,
          .fingerprint = gate.fingerprint,
          .choices = candidate.choices,
          .params = gate.costs.params,
          .macs = gate.costs.macs,
          .peak_memory_bytes = gate.costs.peak_memory_bytes,
          .latency_ms = gate.costs.latency_ms,
          .latency_low_ms = gate.costs.latency_low_ms,
          .latency_high_ms = gate.costs.latency_high_ms,
          .extrapolated = gate.costs.extrapolated,
          .scores = row.scores,
          .status = row.status,
          .seconds = row.seconds};
}

GateResult gate_of(const EvaluationRow& row) {
  return {.fingerprint = row.fingerprint,
          .costs = {.params = row.params,
                    .macs = row.macs,
                    .peak_memory_bytes = row.peak_memory_bytes,
                    .latency_ms = row.latency_ms,
                    .latency_low_ms = row.latency_low_ms,
                    .latency_high_ms = row.latency_high_ms,
                    .extrapolated = row.extrapolated},
          .failure = {}};
}

// Fills the values in order; the journal may hold more, of a longer run before.
template <class ForEach>
void fill(std::span<double> values, ForEach&& for_each) {
  std::size_t filled = 0;
  for_each([&](double value) {
    if (filled < values.size()) values[filled++] = value;
    return filled < values.size();
  });
  if (filled < values.size()) throw InternalError("A search reads back more than its journal holds.");
}

}  // namespace

RunRecorder::RunRecorder(RunJournal& journal)
    : journal_(journal), earlier_seconds_(journal.search_seconds()) {}

std::optional<ScoreRow> RunRecorder::recall(int evaluation, std::uint64_t fingerprint) {
  const auto row = journal_.recall(evaluation, fingerprint);
  if (!row) return std::nullopt;
  return ScoreRow{.scores = row->scores, .status = row->status, .seconds = row->seconds};
}

void RunRecorder::commit(int generation, std::span<const JournalEntry> entries, const Counts& counts,
                         std::span<const int> front) {
  std::vector<EvaluationRow> rows;
  rows.reserve(entries.size());
  for (const JournalEntry& entry : entries)
    rows.push_back(row_of(entry.evaluation, generation, entry.candidate, entry.gate, entry.row));
  journal_.commit_generation(std::move(rows),
                             {.generation = generation,
                              .proposed = counts.proposed,
                              .duplicates = counts.duplicates,
                              .evaluated = counts.evaluated,
                              .failed = counts.failed,
                              .seconds = earlier_seconds_ + clock_.seconds()},
                             rejections_of(counts), {front.begin(), front.end()});
}

JournalEntry RunRecorder::read(int evaluation) {
  const auto row = journal_.evaluation(evaluation);
  if (!row) throw InternalError("A search reads back more than its journal holds.");
  return {.evaluation = evaluation,
          .candidate = {.choices = row->choices},
          .gate = gate_of(*row),
          .row = {.scores = row->scores, .status = row->status, .seconds = row->seconds}};
}

void RunRecorder::read_scores(std::size_t score, std::span<double> values) {
  fill(values, [&](const auto& visit) { journal_.for_each_score(score, visit); });
}

void RunRecorder::read_costs(Metric metric, std::span<double> values) {
  const JournalCost cost = metric == Metric::params   ? JournalCost::params
                           : metric == Metric::macs   ? JournalCost::macs
                           : metric == Metric::memory ? JournalCost::peak_memory_bytes
                                                      : JournalCost::latency_ms;
  fill(values, [&](const auto& visit) { journal_.for_each_cost(cost, visit); });
}

void RunRecorder::record(const SearchResult& result) {
  const auto rows = [&](const std::vector<int>& evaluations) {
    std::vector<ResultRow> out;
    for (const int e : evaluations) out.push_back({e, result.rank_scores[static_cast<std::size_t>(e)]});
    return out;
  };
  journal_.record_results(rows(result.front), rows(result.shortlist));
}

void RunRecorder::record(const Candidate& candidate, const Baseline& baseline) {
  journal_.record_baseline(
      {.row = row_of(-1, -1, candidate, baseline.gate, baseline.row), .rank_score = baseline.rank_score});
}

Rejections rejections_of(const Counts& counts) {
  Rejections rejections;
  for (const Metric metric : all_metrics) {
    const auto index = static_cast<std::size_t>(metric);
    if (counts.over_budget[index] == 0) continue;
    Rejection& rejection = rejections[std::string(metric_name(metric))];
    rejection.count = counts.over_budget[index];
    if (std::isfinite(counts.smallest[index])) rejection.smallest = counts.smallest[index];
  }
  for (const auto& [reason, count] : counts.build_failures)
    rejections["cannot be built: " + reason].count = count;
  return rejections;
}

}  // namespace assay::cli
