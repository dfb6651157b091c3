// A check's result in the formats of those who read it: people, spreadsheets, CI systems, pull requests.
//
// All are functions of the result alone: no dates, no durations, no paths but those relative to the budget
// file, so that the same models give the same bytes anywhere.
#pragma once

#include "assay/check/check.hpp"
#include "assay/report/table.hpp"

#include <span>
#include <string>

namespace assay {

// A row per limit. For people: readable values. For machines: values in the metric's unit.
Table check_table(const CheckReport& report, bool people);

// What stands below the table for people: for each violation what happened and who is to blame.
std::string check_text(const CheckReport& report, int width);
// "2 limits exceeded, 1 warning, 14 hold, 1 not checked (3 models)".
std::string check_verdict(const CheckReport& report);

// Everything: {"format": "assay-check", "version": 1, "exit_code", "findings": [...], "problems", "notes"}.
std::string check_json(const CheckReport& report);

// A suite per model, a case per limit. Warnings pass and say so in their output.
std::string check_junit(const CheckReport& report);

// A comment on a pull request: the verdict, violations with their causes, and everything else folded.
std::string check_markdown(const CheckReport& report);

// GitHub workflow commands, a line per violation, problem and note. `budget_path` is where the runner finds
// the budget file; annotations point to the limit's line there.
std::string check_annotations(const CheckReport& report, const std::string& budget_path);

// What the "customSmallerIsBetter" of github-action-benchmark reads: [{"name", "unit", "value", "extra"}], a
// number per model, accelerator and metric.
std::string check_benchmark_json(std::span<const ModelCosts> models);

}  // namespace assay
