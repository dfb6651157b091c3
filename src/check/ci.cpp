// A check's result for CI systems: JUnit XML and GitHub's workflow commands.
#include "assay/base/text.hpp"
#include "assay/check/check_report.hpp"
#include "assay/report/escape.hpp"
#include "assay/report/junit.hpp"

#include "finding_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {
namespace {

std::string details_of(const Finding& finding) {
  if (!is_violated(finding)) return sentence(finding) + "\n";
  std::string text = finding.reason + "\n";
  if (!finding.causes.empty()) text += cause_table(finding).to_text();
  return text;
}

// The limit's amount is no part of the name: a test keeps its name, and its history, when a limit is moved.
std::string name_of(const Limit& limit) {
  const std::string_view kind = limit.kind == Limit::Kind::most    ? "max"
                                : limit.kind == Limit::Kind::least ? "min"
                                                                   : "max regression";
  return fmt::format("{} {}{}", metric_text(limit), kind, limit.severity == Severity::warn ? " (warn)" : "");
}

TestCase to_case(const Finding& finding) {
  TestCase test{.group = finding.target.empty() ? finding.model
                                                : fmt::format("{} on {}", finding.model, finding.target),
                .name = name_of(finding.limit),
                .message = sentence(finding),
                .details = details_of(finding)};
  switch (finding.verdict) {
    case LimitVerdict::pass:
      break;
    case LimitVerdict::unchecked:
      test.outcome = TestCase::Outcome::skipped;
      break;
    case LimitVerdict::warn:
    case LimitVerdict::accepted:  // JUnit knows no warnings
      test.details = fmt::format("{}: {}\n{}", verdict_text(finding.verdict), test.message, test.details);
      break;
    case LimitVerdict::fail:
      test.outcome = TestCase::Outcome::failed;
      break;
  }
  return test;
}

// The parts that tell most, in one line.
std::string responsible(const Finding& finding) {
  constexpr std::size_t most = 3;
  const Table table = cause_table(finding);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < table.rows.size() && i < most; ++i) {
    std::vector<std::string> words;
    for (const Cell& cell : table.rows[i])
      if (const std::string text = readable(cell, Style::text); !text.empty()) words.push_back(text);
    lines.push_back(join(words, "  "));
  }
  return join(lines, "\n");
}

}  // namespace

std::string check_junit(const CheckReport& report) {
  std::vector<TestSuite> suites;
  for (const Finding& finding : report.findings) {
    if (suites.empty() || suites.back().name != finding.model)
      suites.push_back({.name = finding.model, .cases = {}});
    suites.back().cases.push_back(to_case(finding));
    TestCase& test = suites.back().cases.back();
    // Readers keep one result per name: limits that share theirs are told apart by their places.
    const bool shared = std::ranges::count_if(report.findings, [&](const Finding& other) {
                          return other.model == finding.model && other.target == finding.target &&
                                 name_of(other.limit) == test.name;
                        }) > 1;
    if (shared)
      test.name += fmt::format(" ({}:{})", place_text(report.budget, finding), finding.limit.place.column);
  }
  if (!report.problems.empty()) suites.push_back({.name = "models that cannot be checked", .cases = {}});
  for (const CheckProblem& problem : report.problems)
    suites.back().cases.push_back({.group = report.budget,
                                   .name = problem.model,
                                   .outcome = TestCase::Outcome::error,
                                   .message = problem.text,
                                   .details = problem.text});
  return to_junit("assay check", suites);
}

std::string check_annotations(const CheckReport& report, const std::string& budget_path) {
  std::string text;
  for (const Violation& violation : violations_of(report)) {
    const auto worst =
        std::ranges::max_element(violation, {}, [](const Finding* each) { return each->verdict; });
    const Finding& finding = **worst;
    if (finding.verdict == LimitVerdict::accepted) continue;
    std::string message;
    for (const Finding* each : violation)
      message += fmt::format("{}: {}.\n", subject_text(*each), sentence(*each));
    message += finding.reason;
    if (!finding.causes.empty()) message += "\n" + responsible(finding);
    text += fmt::format(
        "::{} file={},line={},col={},title={}::{}\n",
        finding.verdict == LimitVerdict::fail ? "error" : "warning", workflow_property(budget_path),
        finding.limit.place.line, finding.limit.place.column,
        workflow_property(fmt::format("{} of {}", metric_text(finding.limit), subject_text(finding))),
        workflow_message(message));
  }
  const auto add = [&](const char* level, const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences)
      text += fmt::format("::{} file={}::{}\n", level, workflow_property(budget_path),
                          workflow_message(sentence));
  };
  std::vector<std::string> problems;
  for (const CheckProblem& problem : report.problems) problems.push_back(problem.text);
  add("error", problems);
  add("warning", unchecked_sentences(report));
  add("warning", report.notes);
  return text;
}

}  // namespace assay
