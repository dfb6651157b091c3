// Findings in words, the same in every format.
#pragma once

#include "assay/check/check.hpp"
#include "assay/report/table.hpp"

#include <string>
#include <vector>

namespace assay {

// "latency", "latency (upper bound)".
std::string metric_text(const Limit& limit);
// "≤ 4 ms", "≥ 50 %", "≤ +3 %".
std::string limit_text(const Limit& limit);
// "models/a.onnx on edge_npu_16".
std::string subject_text(const Finding& finding);
// "latency 4.31 ms is 7.8 % above its limit of 4 ms", "... above the baseline's 4 ms; 3 % is allowed". Of a
// limit that holds: "latency 3.9 ms, limit 4 ms".
std::string sentence(const Finding& finding);
// "ok", "EXCEEDED", "warning", "not checked", "accepted".
std::string verdict_text(LimitVerdict verdict);
// "budget.toml:12".
std::string place_text(const std::string& file, const Finding& finding);

bool is_violated(const Finding& finding);

// Violated limits of one metric of one model on one target have the same causes.
using Violation = std::vector<const Finding*>;
std::vector<Violation> violations_of(const CheckReport& report);

// Why limits were not checked, a sentence per reason.
std::vector<std::string> unchecked_sentences(const CheckReport& report);

// The causes' columns and rows for people: change, share, operator, what it is, lanes, what would help.
Table cause_table(const Finding& finding);

}  // namespace assay
