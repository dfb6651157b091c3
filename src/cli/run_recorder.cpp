#include "run_recorder.hpp"

#include <cmath>

namespace assay::cli {

std::optional<ScoreRow> RunRecorder::recall(int evaluation, std::uint64_t fingerprint) {
  const auto row = journal_.recall(evaluation, fingerprint);
  if (!row) return std::nullopt;
  return ScoreRow{.scores = row->scores, .status = row->status, .seconds = row->seconds};
}

void RunRecorder::commit(int generation, std::span<const JournalEntry> entries, const Counts& counts) {
  std::vector<EvaluationRow> rows;
  for (const JournalEntry& entry : entries) {
    const Costs& costs = entry.gate.costs;
    rows.push_back({.evaluation = entry.evaluation,
                    .generation = generation,
                    .fingerprint = entry.gate.fingerprint,
                    .choices = entry.candidate.choices,
                    .params = costs.params,
                    .macs = costs.macs,
                    .peak_memory_bytes = costs.peak_memory_bytes,
                    .latency_ms = costs.latency_ms,
                    .latency_low_ms = costs.latency_low_ms,
                    .latency_high_ms = costs.latency_high_ms,
                    .extrapolated = costs.extrapolated,
                    .scores = entry.row.scores,
                    .status = entry.row.status,
                    .seconds = entry.row.seconds});
  }
  journal_.commit_generation(rows,
                             {.generation = generation,
                              .proposed = counts.proposed,
                              .duplicates = counts.duplicates,
                              .evaluated = counts.evaluated,
                              .failed = counts.failed},
                             rejections_of(counts));
}

void RunRecorder::record(const SearchResult& result) {
  const auto rows = [&](const std::vector<int>& evaluations) {
    std::vector<ResultRow> out;
    for (const int e : evaluations) out.push_back({e, result.rank_scores[static_cast<std::size_t>(e)]});
    return out;
  };
  journal_.record_results(rows(result.front), rows(result.shortlist));
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
