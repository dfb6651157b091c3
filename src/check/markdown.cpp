// A check's result as a comment on a pull request: what is wrong at the top, everything else folded.
#include "assay/report/markdown.hpp"

#include "assay/check/check_report.hpp"
#include "assay/report/escape.hpp"

#include "finding_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {
namespace {

std::string title_of(const CheckReport& report) {
  if (report.count(LimitVerdict::fail) > 0) return "Model budgets: exceeded";
  if (!report.problems.empty()) return "Model budgets: not all models could be checked";
  if (report.count(LimitVerdict::unchecked) == report.findings.size())
    return "Model budgets: nothing was checked";
  return report.count(LimitVerdict::warn) > 0 ? "Model budgets: kept, with warnings" : "Model budgets: kept";
}

}  // namespace

std::string check_markdown(const CheckReport& report) {
  // The mark lets a bot find its earlier comment.
  std::string text = fmt::format("<!-- assay check -->\n### {}\n\n{}\n", title_of(report),
                                 markdown_text(check_verdict(report)));
  std::vector<std::string> problems;
  for (const CheckProblem& problem : report.problems) problems.push_back(problem.text);
  if (!problems.empty()) text += "\n" + markdown_bullets(problems);
  for (const Violation& violation : violations_of(report)) {
    text += "\n";
    for (const Finding* finding : violation)
      text += fmt::format("- **{}**: {}: {}.\n", verdict_text(finding->verdict),
                          markdown_text(subject_text(*finding)), markdown_text(sentence(*finding)));
    const Finding& first = *violation.front();
    text += fmt::format("\n{}\n", markdown_text(first.reason));
    if (!first.causes.empty()) text += "\n" + markdown_table(cause_table(first));
  }
  std::vector<std::string> remarks = unchecked_sentences(report);
  remarks.insert(remarks.end(), report.notes.begin(), report.notes.end());
  if (!remarks.empty()) text += "\n" + markdown_bullets(remarks);
  if (!report.findings.empty())
    text += fmt::format("\n<details><summary>All {} limits</summary>\n\n{}\n</details>\n",
                        report.findings.size(), markdown_table(check_table(report, true)));
  return text;
}

}  // namespace assay
