#include "search_progress.hpp"

#include "assay/base/text.hpp"
#include "assay/report/table.hpp"

#include "run_recorder.hpp"
#include "wording.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

// Shown only where there is something to show.
void add_count(std::string& text, std::string_view what, std::int64_t count) {
  if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : "   ", what, grouped(count));
}

std::string passed_over_text(const Progress& p, const ScoreOrigins& origins) {
  std::string text;
  if (const std::string reasons = rejections_text(p.counts); !reasons.empty()) text = "rejected " + reasons;
  add_count(text, "duplicates", p.counts.duplicates);
  add_count(text, "cached", origins.cached);
  add_count(text, "shared", origins.shared);
  add_count(text, "failed", p.counts.failed);
  add_count(text, "recalled", p.recalled);
  return text;
}

std::string best_text(const Progress& p, Metric front_metric) {
  const Costs& costs = p.cohort.costs(p.best);
  std::string text = fmt::format("best rank score {:.3f}", p.best_rank_score);
  if (front_metric == Metric::latency) text += fmt::format("   {:.3f} ms", costs.latency_ms);
  return text + fmt::format("   {}   {} params   {} MACs",
                            human_bytes(static_cast<std::uint64_t>(costs.peak_memory_bytes)),
                            human_count(static_cast<double>(costs.params)),
                            human_count(static_cast<double>(costs.macs)));
}

Json best_json(const Progress& p) {
  if (p.best < 0) return {};
  const Costs& costs = p.cohort.costs(p.best);
  Json best;
  best["evaluation"] = p.best;
  best["rank_score"] = p.best_rank_score;
  best["latency_ms"] = std::isfinite(costs.latency_ms) ? Json(significant(costs.latency_ms)) : Json();
  best["peak_memory_bytes"] = costs.peak_memory_bytes;
  best["params"] = costs.params;
  best["macs"] = costs.macs;
  return best;
}

Json rejected_json(const Counts& counts) {
  Json rejected = Json::object();
  for (const auto& [reason, rejection] : rejections_of(counts)) rejected[reason] = rejection.count;
  return rejected;
}

}  // namespace

std::string rejections_text(const Counts& counts) {
  std::vector<std::pair<std::string, std::int64_t>> reasons;
  for (const auto& [reason, rejection] : rejections_of(counts)) reasons.emplace_back(reason, rejection.count);
  std::ranges::stable_sort(reasons, std::greater<>(), &std::pair<std::string, std::int64_t>::second);
  std::string text;
  for (const auto& [reason, count] : reasons)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason, grouped(count));
  return text;
}

std::string failures_text(const Counts& counts) {
  std::string text;
  for (const auto& [reason, count] : counts.score_failures)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason, grouped(count));
  return text;
}

ProgressState search_state(const std::string& space, const SearchSettings& settings, const Progress& p,
                           const ScoreOrigins& origins) {
  ProgressState state{.phase = "search",
                      .title = "searching " + space,
                      .counted = "evaluated",
                      .unit = "candidates",
                      .done = p.counts.evaluated,
                      .known = p.recalled,
                      .total = settings.evaluations};
  if (p.best >= 0) {
    state.details.push_back(best_text(p, settings.front_metric));
    state.details.push_back(fmt::format("front {}   hypervolume {:.4g}",
                                        number_of(static_cast<std::int64_t>(p.front_size), "network"),
                                        p.hypervolume));
  }
  if (std::string text = passed_over_text(p, origins); !text.empty())
    state.details.push_back(std::move(text));

  Json& fields = state.fields;
  fields["generation"] = p.generation;
  fields["evaluated"] = p.counts.evaluated;
  fields["proposed"] = p.counts.proposed;
  fields["duplicates"] = p.counts.duplicates;
  fields["failed"] = p.counts.failed;
  fields["recalled"] = p.recalled;
  fields["executed"] = origins.executed;
  fields["shared"] = origins.shared;
  fields["cached"] = origins.cached;
  fields["rejected"] = rejected_json(p.counts);
  fields["best"] = best_json(p);
  fields["front_size"] = p.front_size;
  fields["hypervolume"] = p.hypervolume;
  return state;
}

}  // namespace assay::cli
