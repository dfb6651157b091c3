// A check's result for programs.
#include "assay/check/check_report.hpp"

#include "finding_text.hpp"
#include "metric_text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using nlohmann::ordered_json;

// Counts as such: a reader may want to compare them.
ordered_json number(double value) {
  constexpr double exact = 1e15;
  if (value == std::floor(value) && std::abs(value) < exact) return static_cast<std::int64_t>(value);
  return value;
}

ordered_json optional_number(const std::optional<double>& value) {
  return value ? number(*value) : ordered_json();
}

ordered_json optional_percent(const std::optional<double>& value) {
  return value ? ordered_json(significant(*value)) : ordered_json();
}

ordered_json optional_text(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

std::string_view to_string(Cause::Kind kind) {
  constexpr std::array<std::string_view, 5> names = {"present", "grown", "added", "shrunk", "gone"};
  return names[static_cast<std::size_t>(kind)];
}

ordered_json to_json(const Cause& cause) {
  return {{"kind", to_string(cause.kind)},
          {"name", cause.name},
          {"name_before", optional_text(cause.name_before)},
          {"shape", cause.shape},
          {"shape_before", optional_text(cause.shape_before)},
          {"amount", number(cause.amount)},
          {"share_percent", significant(cause.share_percent)},
          {"lane_efficiency", optional_number(cause.lane_efficiency)},
          {"lane_efficiency_before", optional_number(cause.lane_efficiency_before)},
          {"note", optional_text(cause.note)}};
}

ordered_json to_json(const Finding& f) {
  ordered_json json = {{"model", f.model},
                       {"accelerator", optional_text(f.target)},
                       {"metric", to_string(f.limit.metric)},
                       {"bound", f.limit.upper_bound ? "high" : "point"},
                       {"value", number(f.value)},
                       {"limit_kind", f.limit.kind == Limit::Kind::most    ? "max"
                                      : f.limit.kind == Limit::Kind::least ? "min"
                                                                           : "max_regression_percent"},
                       {"limit", number(f.limit.amount)},
                       {"level", to_string(f.limit.severity)},
                       {"allowed", optional_number(f.allowed)},
                       {"baseline", optional_number(f.baseline)},
                       {"headroom_percent", optional_percent(f.headroom_percent())},
                       {"change_percent", optional_percent(f.change_percent())},
                       {"verdict", to_string(f.verdict)},
                       {"line", f.limit.place.line},
                       {"column", f.limit.place.column},
                       {"reason", optional_text(f.reason)},
                       {"causes", ordered_json::array()}};
  for (const Cause& cause : f.causes) json["causes"].push_back(to_json(cause));
  return json;
}

std::string array_of_lines(const std::vector<ordered_json>& rows, std::string_view indent) {
  std::string text;
  for (const ordered_json& row : rows)
    text += fmt::format("{}\n{}  {}", text.empty() ? "" : ",", indent, row.dump());
  return text.empty() ? "[]" : fmt::format("[{}\n{}]", text, indent);
}

}  // namespace

std::string check_json(const CheckReport& report) {
  std::vector<ordered_json> findings, problems, notes;
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  for (const CheckProblem& problem : report.problems)
    problems.push_back({{"model", problem.model}, {"text", problem.text}});
  for (const std::string& note : report.notes) notes.emplace_back(note);
  return fmt::format(
      "{{\n  \"format\": \"assay-check\",\n  \"version\": 1,\n  \"budget\": {},\n  \"exit_code\": {},\n"
      "  \"findings\": {},\n  \"problems\": {},\n  \"notes\": {}\n}}\n",
      ordered_json(report.budget).dump(), report.exit_code(), array_of_lines(findings, "  "),
      array_of_lines(problems, "  "), array_of_lines(notes, "  "));
}

std::string check_benchmark_json(std::span<const ModelCosts> models) {
  std::vector<ordered_json> rows;
  for (const ModelCosts& model : models) {
    const auto add = [&](const std::string& subject, CheckMetric metric, const char* unit, const auto& value,
                         const std::string& extra) {
      ordered_json row = {
          {"name", fmt::format("{}: {}", subject, metric_title(metric))}, {"unit", unit}, {"value", value}};
      if (!extra.empty()) row["extra"] = extra;
      rows.push_back(std::move(row));
    };
    add(model.model, CheckMetric::params, "parameters", model.params, "");
    add(model.model, CheckMetric::macs, "MACs", model.macs, "");
    for (const TargetCosts& on : model.targets) {
      const std::string subject = fmt::format("{} on {}", model.model, on.target);
      const auto heaviest = std::ranges::max_element(on.subgraphs, {}, &SubgraphCost::latency_ms);
      add(subject, CheckMetric::latency_ms, "ms", on.latency_ms,
          heaviest == on.subgraphs.end()
              ? ""
              : fmt::format("heaviest: {}, {}", heaviest->name, heaviest->shape()));
      add(subject, CheckMetric::peak_memory_bytes, "bytes", on.peak_memory_bytes, "at " + on.peak_step);
      add(subject, CheckMetric::weight_bytes, "bytes", on.weight_bytes, "");
    }
  }
  return array_of_lines(rows, "") + "\n";
}

}  // namespace assay
