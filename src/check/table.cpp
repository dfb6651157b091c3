// A check's result for people, and as a flat table for machines.
#include "assay/base/text.hpp"
#include "assay/check/check_report.hpp"

#include "finding_text.hpp"
#include "metric_text.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

Cell optional_cell(const std::optional<double>& value) {
  return value ? Cell(significant(*value)) : Cell();
}

std::string headroom_text(const Finding& f) {
  // A share of a percentile would be taken for points.
  if (f.limit.kind == Limit::Kind::least) return fmt::format("{:+.1f} points", f.value - f.limit.amount);
  const auto headroom = f.headroom_percent();
  return headroom ? percent_change_text(*headroom) : "-";
}

std::vector<Cell> short_row(const Finding& f) {
  const auto change = f.change_percent();
  const auto texts = f.allowed && f.limit.kind != Limit::Kind::regression
                         ? compared_texts(f.limit.metric, f.value, *f.allowed)
                         : ComparedTexts{metric_text(f.limit.metric, f.value), ""};
  return {verdict_text(f.verdict),
          f.model,
          f.target,
          metric_text(f.limit),
          texts.value,
          limit_text(f.limit),
          headroom_text(f),
          change ? percent_change_text(*change) : std::string("-"),
          f.limit.severity == Severity::warn ? std::string("warn") : std::string("error")};
}

std::vector<Cell> full_row(const Finding& f, const std::string& budget) {
  std::vector<std::string> names;
  for (const Cause& cause : f.causes)
    if (cause.amount > 0) names.push_back(cause.name);
  return {f.model,
          f.target.empty() ? Cell() : Cell(f.target),
          std::string(to_string(f.limit.metric)),
          std::string(f.limit.upper_bound ? "high" : "point"),
          f.value,
          std::string(f.limit.kind == Limit::Kind::most    ? "max"
                      : f.limit.kind == Limit::Kind::least ? "min"
                                                           : "max_regression_percent"),
          f.limit.amount,
          std::string(to_string(f.limit.severity)),
          f.allowed ? Cell(*f.allowed) : Cell(),
          f.baseline ? Cell(*f.baseline) : Cell(),
          optional_cell(f.headroom_percent()),
          optional_cell(f.change_percent()),
          std::string(to_string(f.verdict)),
          place_text(budget, f),
          f.reason,
          join(names, "; ")};
}

std::string counted(std::size_t count, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", count, count == 1 ? one : several);
}

std::string indented(const std::string& text) {
  std::string out;
  for (const std::string_view line : split(text, '\n'))
    if (!line.empty()) out += fmt::format("  {}\n", line);
  return out;
}

}  // namespace

Table check_table(const CheckReport& report, bool people) {
  Table table;
  if (people) {
    table.columns = {{"verdict", "verdict", Style::text},     {"model", "model", Style::text},
                     {"target", "accelerator", Style::text},  {"metric", "metric", Style::text},
                     {"value", "value", Style::number},       {"limit", "limit", Style::number},
                     {"headroom", "headroom", Style::number}, {"change", "since baseline", Style::number},
                     {"level", "level", Style::text}};
  } else {
    for (const char* key :
         {"model", "accelerator", "metric", "bound", "value", "limit_kind", "limit", "level", "allowed",
          "baseline", "headroom_percent", "change_percent", "verdict", "place", "reason", "responsible"})
      table.columns.push_back({key, key, Style::text});
  }
  for (const Finding& finding : report.findings)
    table.rows.push_back(people ? short_row(finding) : full_row(finding, report.budget));
  return table;
}

std::string check_text(const CheckReport& report, int width) {
  std::string text;
  for (const Violation& violation : violations_of(report)) {
    text += "\n";
    for (const Finding* finding : violation)
      text += fmt::format("{}: {}: {} ({}).\n", verdict_text(finding->verdict), subject_text(*finding),
                          sentence(*finding), place_text(report.budget, *finding));
    const Finding& first = *violation.front();
    text += indented(first.reason);
    if (!first.causes.empty()) text += indented(cause_table(first).to_text(width > 2 ? width - 2 : 0));
  }
  text += "\n";
  for (const std::string& sentence : unchecked_sentences(report)) text += sentence + "\n";
  text += check_verdict(report) + "\n";
  return text;
}

std::string check_verdict(const CheckReport& report) {
  std::vector<std::string> parts;
  const auto add = [&](std::size_t count, std::string_view one, std::string_view several) {
    if (count > 0) parts.push_back(counted(count, one, several));
  };
  add(report.count(LimitVerdict::fail), "limit exceeded", "limits exceeded");
  add(report.problems.size(), "model cannot be checked", "models cannot be checked");
  add(report.count(LimitVerdict::warn), "warning", "warnings");
  add(report.count(LimitVerdict::accepted), "regression accepted", "regressions accepted");
  add(report.count(LimitVerdict::unchecked), "not checked", "not checked");
  add(report.count(LimitVerdict::pass), "limit holds", "limits hold");
  const std::string verdict = parts.empty() ? "Nothing was checked" : join(parts, ", ");
  if (report.models == 0) return verdict + ".";
  return fmt::format("{} ({}).", verdict,
                     counted(static_cast<std::size_t>(report.models), "model", "models"));
}

}  // namespace assay
