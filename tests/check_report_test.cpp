// What a check's result looks like in each format, for a report that holds one of everything.
#include "assay/check/check_report.hpp"

#include "check_models.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace assay;
using namespace check_test;
using nlohmann::json;

namespace {

Finding finding(CheckMetric metric, Limit::Kind kind, double amount, double value, LimitVerdict verdict) {
  Finding f;
  f.model = "models/a.json";
  if (needs_accelerator(metric)) f.target = "npu";
  f.limit.metric = metric;
  f.limit.kind = kind;
  f.limit.amount = amount;
  f.limit.severity = verdict == LimitVerdict::warn ? Severity::warn : Severity::error;
  f.limit.place = {.line = 7, .column = 3};
  f.value = value;
  f.allowed = amount;
  f.verdict = verdict;
  return f;
}

CheckReport sample() {
  using Kind = Limit::Kind;
  CheckReport report;
  report.budget = "budget.toml";
  report.models = 1;
  Finding slow = finding(CheckMetric::latency_ms, Kind::most, 4, 4.4, LimitVerdict::fail);
  slow.baseline = 4;
  slow.reason = "Subgraphs: 2 take more (+0.4 ms).";
  Cause grown;
  grown.kind = Cause::Kind::grown;
  grown.name = "stage1.expand";
  grown.shape = "1x1 conv 16→104 @28";
  grown.shape_before = "1x1 conv 16→96 @28";
  grown.amount = 0.3;
  grown.share_percent = 75;
  grown.lane_efficiency = 0.9;
  grown.lane_efficiency_before = 1;
  grown.note = "out 96 -10%";
  Cause added;
  added.kind = Cause::Kind::added;
  added.name = "stage1.act";
  added.shape = "h_swish 96 @28";
  added.amount = 0.1;
  added.share_percent = 25;
  slow.causes = {grown, added};
  Finding slower = slow;
  slower.limit.kind = Kind::regression;
  slower.limit.amount = 3;
  slower.allowed = 4.12;
  slower.limit.place.line = 8;
  report.findings = {slow, slower,
                     finding(CheckMetric::peak_memory_bytes, Kind::most, 1024, 2048, LimitVerdict::warn),
                     finding(CheckMetric::params, Kind::most, 1000, 900, LimitVerdict::pass),
                     finding(CheckMetric::score_percentile, Kind::least, 50, 60, LimitVerdict::pass)};
  Finding unknown = finding(CheckMetric::macs, Kind::regression, 3, 10, LimitVerdict::unchecked);
  unknown.allowed.reset();
  unknown.reason = "no --baseline is given";
  report.findings.push_back(unknown);
  report.problems = {{"models/b.json", "models/b.json: cannot be read."}};
  report.notes = {"budget.toml:9: no model was given that \"c\" matches; these limits were not checked."};
  return report;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_CASE("table: a row per limit, and what happened below") {
  const CheckReport report = sample();
  const std::string rows = check_table(report, true).to_text();
  CHECK(occurrences(rows, "\n") == 7);
  check_mentions(rows, {"EXCEEDED     models/a.json  npu          latency", "≤ 4 ms",
                        "-10.0 %         +10.0 %  error", "≤ +3 %", "warning", "2.00 KiB", "≤ 1.00 KiB",
                        "-100.0 %", "not checked", "≥ 50 %", "+10.0 points"});
  const std::string text = check_text(report, 0);
  check_mentions(
      text,
      {"EXCEEDED: models/a.json on npu: latency 4.4 ms is 10.0 % above its limit of 4 ms (budget.toml:7).",
       "EXCEEDED: models/a.json on npu: latency 4.4 ms is 10.0 % above the baseline's 4 ms; 3 % is allowed "
       "(budget.toml:8).",
       "+0.3 ms", "75 %", "new  stage1.act", "1x1 conv 16→104 @28 (was 16→96)", "100% → 90%",
       "1 limit is not checked: no --baseline is given.",
       "2 limits exceeded, 1 model cannot be checked, 1 warning, 1 not checked, 2 limits hold (1 model)."});
  CHECK(occurrences(text, "stage1.expand") == 1);  // two limits, the same causes
}

TEST_CASE("table: values that differ look different") {
  CheckReport report;
  report.findings = {
      finding(CheckMetric::latency_ms, Limit::Kind::most, 4, 4.00001, LimitVerdict::fail),
      finding(CheckMetric::peak_memory_bytes, Limit::Kind::most, 1 << 20, (1 << 20) + 1, LimitVerdict::fail),
      finding(CheckMetric::params, Limit::Kind::most, 307.7, 308, LimitVerdict::fail)};
  check_mentions(check_text(report, 0), {"latency 4.00001 ms is 0.00025 % above its limit of 4 ms",
                                         "parameters 308 is 0.1 % above its limit of 307.7",
                                         "peak memory 1048577 B is 9.5e-05 % above its limit of 1048576 B"});
}

TEST_CASE("csv and json: exact values in the units that the metric names") {
  const CheckReport report = sample();
  const std::string csv = check_table(report, false).to_csv();
  check_mentions(csv, {"model,accelerator,metric,bound,value,",
                       "models/a.json,npu,latency_ms,point,4.4,max,4,error,4,4,"
                       "-10,10,fail,budget.toml:7,",
                       "stage1.expand; stage1.act",
                       "models/a.json,,macs,point,10,max_regression_percent,3,error,,,,,"
                       "unchecked,"});
  const json all = json::parse(check_json(report));
  CHECK(all.at("format") == "assay-check");
  CHECK(all.at("exit_code") == 2);
  REQUIRE(all.at("findings").size() == 6);
  const json& slow = all.at("findings")[0];
  CHECK(slow.at("value") == 4.4);
  CHECK(slow.at("verdict") == "fail");
  CHECK(slow.at("causes")[0].at("lane_efficiency_before") == 1);
  CHECK(slow.at("causes")[1].at("kind") == "added");
  CHECK(all.at("findings")[3].at("accelerator").is_null());
  CHECK(all.at("findings")[5].at("allowed").is_null());
  CHECK(all.at("problems")[0].at("model") == "models/b.json");
}

TEST_CASE("junit: a case per limit; warnings pass, what is not checked is skipped") {
  const std::string text = check_junit(sample());
  check_mentions(
      text, {"<testsuites name=\"assay check\" tests=\"7\" failures=\"2\" errors=\"1\">",
             "<testcase classname=\"models/a.json on npu\" name=\"latency max\">",
             "name=\"latency max regression\"", "name=\"peak memory max (warn)\"",
             "name=\"score percentile min\"", "<failure message=\"latency 4.4 ms is 10.0 % above its limit",
             "name=\"models/b.json\"", "<error message=\"models/b.json: cannot be read.\""});
  CHECK(occurrences(text, "time") == 0);
  CheckReport twice = sample();
  twice.findings.push_back(twice.findings[0]);
  twice.findings.back().limit.place.line = 9;
  check_mentions(check_junit(twice),
                 {"name=\"latency max (budget.toml:7:3)\"", "name=\"latency max (budget.toml:9:3)\"",
                  "name=\"latency max regression\""});
}

TEST_CASE("markdown: what is wrong first, everything folded, and a mark to find it by") {
  const std::string text = check_markdown(sample());
  CHECK(text.starts_with("<!-- assay check -->\n### Model budgets: exceeded\n"));
  check_mentions(text,
                 {"- **EXCEEDED**: models/a.json on npu: latency 4.4 ms is 10.0 % above its limit of 4 ms.",
                  "| +0.3 ms | 75 % |  | stage1.expand |", "<details><summary>All 6 limits</summary>",
                  "- models/b.json: cannot be read.", "</details>\n"});
  CHECK(text.find("stage1.expand") < text.find("<details>"));
  CHECK(check_markdown({}).starts_with("<!-- assay check -->\n### Model budgets: nothing was checked\n"));
  CHECK(check_verdict({}) == "Nothing was checked.");
  CheckReport good;
  good.findings = {finding(CheckMetric::params, Limit::Kind::most, 1000, 900, LimitVerdict::pass)};
  CHECK(check_markdown(good).starts_with("<!-- assay check -->\n### Model budgets: kept\n"));
}

TEST_CASE("annotations: one per violation, at the limit's line") {
  const std::string text = check_annotations(sample(), "ci/budget.toml");
  CHECK(occurrences(text, "\n") == 5);  // a line each
  check_mentions(text,
                 {"::error file=ci/budget.toml,line=7,col=3,title=latency of models/a.json on npu::",
                  "10.0 %25 above its limit of 4 ms.%0Amodels/a.json on npu: latency",
                  "::warning file=ci/budget.toml,line=7,col=3,title=peak memory of models/a.json on npu::",
                  "::error file=ci/budget.toml::models/b.json: cannot be read.",
                  "::warning file=ci/budget.toml::1 limit is not checked",
                  "::warning file=ci/budget.toml::budget.toml:9: no model"});
}

TEST_CASE("benchmark file: a number per model, accelerator and metric") {
  const CheckTarget target = npu();
  const std::vector<ModelCosts> models = {measure_model(usual_network(), "m.json", {&target})};
  const json rows = json::parse(check_benchmark_json(models));
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].at("name") == "m.json: parameters");
  CHECK(rows[0].at("value") == models[0].params);
  CHECK(rows[2].at("name") == "m.json on edge_npu_16: latency");
  CHECK(rows[2].at("unit") == "ms");
  CHECK(rows[2].at("value") == models[0].targets[0].latency_ms);
  CHECK(json::parse(check_benchmark_json({})).empty());
}
