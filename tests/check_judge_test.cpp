// Verdicts, and who is to blame.
#include "../src/check/difference.hpp"
#include "check_models.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace assay;
using namespace check_test;

namespace {

const std::string kNpu = "accelerator = \"edge_npu_16.toml\"\n[[check]]\n";

// What a budget says of the later version, with the earlier one as the baseline.
CheckReport report_of(const std::string& limits, const Network& after, const Network* before = nullptr,
                      bool update = false) {
  static const CheckTarget target = npu();
  BudgetFile budget = BudgetFile::parse(kNpu + limits, "budget.toml");
  CheckedModel model{.costs = measure_model(after, "m.json", {&target}),
                     .score_percentiles = {{"s.toml", 40.0}},
                     .baseline = nullptr,
                     .baseline_given = before != nullptr};
  ModelCosts baseline;
  if (before != nullptr) {
    baseline = measure_model(*before, "m.json", {&target});
    model.baseline = &baseline;
  }
  CheckReport report{.budget = "budget.toml", .findings = {}, .problems = {}, .notes = {}};
  const CheckTarget* targets[] = {&target};
  judge(budget, model, targets, update, report);
  return report;
}

Finding only(const CheckReport& report) {
  REQUIRE(report.findings.size() == 1);
  return report.findings[0];
}

double amount_of(CheckMetric metric, const Network& network) {
  const CheckTarget target = npu();
  const ModelCosts costs = measure_model(network, "m", {&target});
  switch (metric) {
    case CheckMetric::latency_ms:
      return costs.targets[0].latency_ms;
    case CheckMetric::peak_memory_bytes:
      return static_cast<double>(costs.targets[0].peak_memory_bytes);
    case CheckMetric::weight_bytes:
      return static_cast<double>(costs.targets[0].weight_bytes);
    case CheckMetric::params:
      return static_cast<double>(costs.params);
    default:
      return static_cast<double>(costs.macs);
  }
}

}  // namespace

TEST_CASE("verdict: a limit holds up to its last bit, and not beyond") {
  const Network network = usual_network();
  for (const CheckMetric metric : {CheckMetric::latency_ms, CheckMetric::peak_memory_bytes,
                                   CheckMetric::weight_bytes, CheckMetric::params, CheckMetric::macs}) {
    const double amount = amount_of(metric, network);
    CAPTURE(to_string(metric));
    const auto judged = [&](double limit, const char* level) {
      return only(report_of(
          fmt::format("{} = {{ max = {}, level = \"{}\" }}\n", to_string(metric), limit, level), network));
    };
    const Finding holds = judged(amount, "error");
    CHECK(holds.verdict == LimitVerdict::pass);
    CHECK(holds.value == amount);
    CHECK(holds.headroom_percent() == 0.0);
    CHECK(holds.causes.empty());
    const Finding exceeded = judged(0.99 * amount, "error");
    CHECK(exceeded.verdict == LimitVerdict::fail);
    CHECK(*exceeded.headroom_percent() == doctest::Approx(-100.0 / 99));
    CHECK_FALSE(exceeded.causes.empty());
    CHECK_FALSE(exceeded.reason.empty());
    CHECK(judged(0.99 * amount, "warn").verdict == LimitVerdict::warn);
    CHECK(judged(0, "error").verdict == LimitVerdict::fail);
    CHECK_FALSE(judged(0, "error").headroom_percent().has_value());
  }
}

TEST_CASE("verdict: the score percentile is a floor") {
  const auto judged = [&](const char* amount) {
    return only(report_of(fmt::format("score_percentile = {{ min = {}, space = \"s.toml\" }}\n", amount),
                          usual_network()));
  };
  CHECK(judged("40").verdict == LimitVerdict::pass);
  CHECK(judged("41").verdict == LimitVerdict::fail);
  CHECK(judged("50").headroom_percent() == doctest::Approx(-20));
}

TEST_CASE("verdict: regressions are against the baseline, and none without it is silent") {
  const Network before = usual_network();
  const Network after = network_of({{"block1"}, {"block2", 72}, {"block3"}});
  const double growth =
      100 * (amount_of(CheckMetric::latency_ms, after) / amount_of(CheckMetric::latency_ms, before) - 1);
  const auto judged = [&](double percent, const Network* baseline, bool update = false) {
    return only(report_of(fmt::format("latency_ms = {{ max_regression_percent = {} }}\n", percent), after,
                          baseline, update));
  };
  CHECK(judged(growth + 0.01, &before).verdict == LimitVerdict::pass);
  CHECK(judged(growth - 0.01, &before).verdict == LimitVerdict::fail);
  CHECK(judged(growth - 0.01, &before).change_percent() == doctest::Approx(growth));
  CHECK(judged(0, &after).verdict == LimitVerdict::pass);
  CHECK(judged(growth - 0.01, &before, true).verdict == LimitVerdict::accepted);
  const Finding unchecked = judged(0, nullptr);
  CHECK(unchecked.verdict == LimitVerdict::unchecked);
  CHECK(unchecked.reason == "no --baseline is given");
  CHECK_FALSE(unchecked.allowed.has_value());
  // Faster than before is no regression.
  CHECK(only(report_of("latency_ms = { max_regression_percent = 0 }\n", before, &after)).verdict ==
        LimitVerdict::pass);
}

TEST_CASE("verdict: a baseline made with another accelerator is not compared with, and params are") {
  const CheckTarget target = npu();
  const Network network = usual_network();
  BudgetFile budget = BudgetFile::parse(kNpu +
                                            "latency_ms = { max_regression_percent = 0 }\n"
                                            "weight_kib = { max_regression_percent = 0 }\n"
                                            "params = { max_regression_percent = 0 }\n",
                                        "budget.toml");
  ModelCosts baseline = measure_model(network, "m.json", {&target});
  baseline.targets[0].fingerprint ^= 1;
  const CheckTarget* targets[] = {&target};
  CheckReport report{.budget = "budget.toml", .findings = {}, .problems = {}, .notes = {}};
  CheckedModel model{.costs = measure_model(network, "m.json", {&target}),
                     .score_percentiles = {},
                     .baseline = &baseline,
                     .baseline_given = true};
  judge(budget, model, targets, false, report);
  REQUIRE(report.findings.size() == 3);
  CHECK(report.findings[0].verdict == LimitVerdict::unchecked);
  check_mentions(report.findings[0].reason, {"another edge_npu_16"});
  CHECK(report.findings[1].verdict == LimitVerdict::unchecked);
  CHECK(report.findings[2].verdict == LimitVerdict::pass);
  CHECK(report.notes.size() == 1);  // however many limits

  baseline.targets.clear();
  CheckReport absent{.budget = "budget.toml", .findings = {}, .problems = {}, .notes = {}};
  judge(budget, model, targets, false, absent);
  check_mentions(absent.findings[0].reason, {"holds nothing of m.json on edge_npu_16"});
}

TEST_CASE("exit code: problems before violations before warnings") {
  const Network network = usual_network();
  CheckReport report = report_of("params = { max = 1, level = \"warn\" }\n", network);
  CHECK(report.exit_code() == 0);
  report = report_of("params = 1\n", network);
  CHECK(report.exit_code() == 1);
  report.problems.push_back({"x.json", "x.json: gone"});
  CHECK(report.exit_code() == 2);
}

TEST_CASE("blame: without a baseline the heaviest subgraphs, with what would help") {
  const Finding finding = only(report_of("latency_ms = 0.0001\n", usual_network()));
  REQUIRE(finding.causes.size() == 5);
  const CheckTarget target = npu();
  const std::vector<SubgraphPrediction> parts = target.estimator.explain(usual_network());
  double heaviest = 0;
  for (const SubgraphPrediction& part : parts) heaviest = std::max(heaviest, part.latency_ms);
  CHECK(finding.causes[0].amount == doctest::Approx(heaviest).epsilon(1e-5));
  CHECK(std::ranges::is_sorted(finding.causes, std::greater<>(), &Cause::amount));
  for (const Cause& cause : finding.causes) {
    CHECK(cause.kind == Cause::Kind::present);
    CHECK(cause.lane_efficiency.has_value());
    CHECK_FALSE(cause.note.empty());
  }
}

TEST_CASE("blame: the widened block, with its lanes before and after") {
  const Network before = usual_network();
  const Network after = network_of({{"block1"}, {"block2", 72}, {"block3"}});
  const Finding finding = only(report_of("latency_ms = { max_regression_percent = 0 }\n", after, &before));
  REQUIRE(finding.causes.size() == 3);
  double share = 0;
  for (const Cause& cause : finding.causes) {
    CAPTURE(cause.name);
    CHECK(cause.name.starts_with("block2."));
    CHECK(cause.kind == Cause::Kind::grown);
    CHECK(cause.amount > 0);
    CHECK(cause.shape_before.find("64") != std::string::npos);
    CHECK(cause.shape.find("72") != std::string::npos);
    CHECK(*cause.lane_efficiency < *cause.lane_efficiency_before);
    share += cause.share_percent;
  }
  CHECK(share == doctest::Approx(100));
  check_mentions(finding.reason, {"3 take more"});
}

TEST_CASE("blame: a new block is new, and one that is gone is named") {
  const Network before = network_of({{"block1"}, {"block2", 32}, {"block3"}});
  const Network after = network_of({{"block1"}, {"block3"}, {"extra", 200}});
  const Finding finding = only(report_of("latency_ms = { max_regression_percent = 0 }\n", after, &before));
  const auto with = [&](Cause::Kind kind, const std::string& name) {
    return std::ranges::count_if(finding.causes, [&](const Cause& cause) {
      return cause.kind == kind && cause.name.starts_with(name);
    });
  };
  CHECK(with(Cause::Kind::added, "extra.") + with(Cause::Kind::grown, "extra.") == 3);
  CHECK(with(Cause::Kind::gone, "block2.") + with(Cause::Kind::grown, "extra.") == 3);
}

TEST_CASE("blame: memory says what is alive at the peak, and that the peak moved") {
  const Network before = usual_network();
  const Network after = network_of({{"block1"}, {"block2", 256}, {"block3"}});
  const Finding finding =
      only(report_of("peak_memory_kib = { max_regression_percent = 0 }\n", after, &before));
  CHECK(finding.verdict == LimitVerdict::fail);
  check_mentions(finding.reason, {"block2.", "(before: block"});
  REQUIRE_FALSE(finding.causes.empty());
  double together = 0;
  for (const Cause& cause : finding.causes) together += cause.share_percent;
  CHECK(together == doctest::Approx(100));
}

TEST_CASE("blame: size says which operators grew") {
  const Network before = usual_network();
  const Network after = network_of({{"block1"}, {"block2"}, {"block3", 96}});
  for (const char* metric : {"params", "macs", "weight_bytes"}) {
    CAPTURE(metric);
    const Finding finding =
        only(report_of(fmt::format("{} = {{ max_regression_percent = 0 }}\n", metric), after, &before));
    CHECK(finding.verdict == LimitVerdict::fail);
    REQUIRE_FALSE(finding.causes.empty());
    double growth = 0;
    for (const Cause& cause : finding.causes) {
      CHECK(cause.name.starts_with("block3."));
      growth += cause.amount;
    }
    CHECK(growth == finding.value - *finding.baseline);
    CHECK_FALSE(only(report_of(fmt::format("{} = 1\n", metric), after)).causes.empty());
  }
}

namespace {

std::vector<CostPart> parts_of(const std::vector<std::array<std::string, 3>>& texts) {
  std::vector<CostPart> parts;
  for (const auto& [name, operation, sizes] : texts)
    parts.push_back({name, operation, sizes, static_cast<double>(sizes.size())});
  return parts;
}

// For each part of the later list the index of its earlier form, -1: new.
std::vector<int> origins(const std::vector<CostPart>& before, const std::vector<CostPart>& after) {
  std::vector<int> out;
  for (const CostChange& change : match_parts(before, after))
    if (change.after) out.push_back(change.before ? static_cast<int>(*change.before) : -1);
  return out;
}

}  // namespace

TEST_CASE("matching: renumbered operators are recognised by their shapes") {
  const auto before = parts_of({{"conv_1", "3x3", "8"}, {"conv_2", "1x1", "16"}, {"conv_3", "3x3", "32"}});
  const auto inserted = parts_of(
      {{"conv_1", "3x3", "8"}, {"conv_2", "5x5", "9"}, {"conv_3", "1x1", "16"}, {"conv_4", "3x3", "32"}});
  CHECK(origins(before, inserted) == std::vector<int>{0, -1, 1, 2});
  CHECK(origins(inserted, before) == std::vector<int>{0, 2, 3});
}

TEST_CASE("matching: changed shapes are recognised by their names, then by their place") {
  const auto before = parts_of({{"a", "3x3", "8"}, {"b", "1x1", "16"}, {"c", "3x3", "32"}});
  CHECK(origins(before, parts_of({{"a", "3x3", "8"}, {"b", "1x1", "170"}, {"c", "3x3", "32"}})) ==
        std::vector<int>{0, 1, 2});
  CHECK(origins(before, parts_of({{"a", "3x3", "8"}, {"renamed", "1x1", "170"}, {"c", "3x3", "32"}})) ==
        std::vector<int>{0, 1, 2});
  // Another operator in the same role keeps its name.
  CHECK(origins(before, parts_of({{"a", "3x3", "8"}, {"b", "5x5", "170"}, {"c", "3x3", "32"}})) ==
        std::vector<int>{0, 1, 2});
  // Neither name nor place: new, and the old one is gone.
  const auto moved = parts_of({{"x", "1x1", "170"}, {"a", "3x3", "8"}, {"c", "3x3", "32"}});
  CHECK(origins(before, moved) == std::vector<int>{-1, 0, 2});
}

TEST_CASE("matching: every part is in one change, in any two lists") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed, Purpose::sample);
    const auto list = [&] {
      std::vector<CostPart> parts;
      for (std::uint64_t i = random.below(12); i > 0; --i)
        parts.push_back({std::to_string(random.below(5)), std::to_string(random.below(3)),
                         std::to_string(random.below(3)), static_cast<double>(random.below(2))});
      return parts;
    };
    const std::vector<CostPart> before = list(), after = list();
    std::vector<int> seen_before(before.size()), seen_after(after.size());
    double growth = 0;
    for (const CostChange& change : match_parts(before, after)) {
      REQUIRE((change.before || change.after));
      if (change.before) ++seen_before[*change.before];
      if (change.after) ++seen_after[*change.after];
      growth += (change.after ? after[*change.after].amount : 0) -
                (change.before ? before[*change.before].amount : 0);
    }
    CAPTURE(seed);
    REQUIRE(std::ranges::count(seen_before, 1) == std::ssize(before));
    REQUIRE(std::ranges::count(seen_after, 1) == std::ssize(after));
    double expected = 0;
    for (const CostPart& part : after) expected += part.amount;
    for (const CostPart& part : before) expected -= part.amount;
    REQUIRE(growth == expected);
  }
}
