// Budget files.
#include "assay/check/budget_file.hpp"

#include "check_models.hpp"

#include <doctest/doctest.h>

using namespace assay;
using namespace check_test;

namespace {

BudgetFile parse(const std::string& text) {
  return BudgetFile::parse(text, "ci/budget.toml");
}

std::string refusal(const std::string& text) {
  return message([&] {
    BudgetFile file = parse(text);
    complete_targets(file, {});
  });
}

}  // namespace

TEST_CASE("budget: limits in their units, long and short, with their places") {
  const BudgetFile file = parse(R"(accelerator = ["a.toml", "../b.toml"]
space = "s.toml"

[[check]]
model = "models/*.onnx"
latency_ms = { max = 4, max_regression_percent = 3, bound = "high" }
latency_us = 2500
peak_memory_kib = [{ max = 512 }, { max = 1, level = "warn" }, 4]
score_percentile = 50

[[check]]
model = ["x", "y.json"]
estimator = "e.json"
macs = { max_regression_percent = 0, level = "warn" }
score_percentile = { min = 20, space = "../other.toml", level = "warn" }
)");
  REQUIRE(file.entries.size() == 2);
  const BudgetEntry& first = file.entries[0];
  CHECK(first.models == std::vector<std::string>{"models/*.onnx"});
  CHECK(first.targets == std::vector<TargetFile>{{"ci/a.toml", false}, {"b.toml", false}});
  REQUIRE(first.limits.size() == 7);
  const auto check = [](const Limit& limit, CheckMetric metric, Limit::Kind kind, double amount,
                        Severity severity, int line) {
    CHECK(limit.metric == metric);
    CHECK(limit.kind == kind);
    CHECK(limit.amount == amount);
    CHECK(limit.severity == severity);
    CHECK(limit.place.line == line);
  };
  using Kind = Limit::Kind;
  check(first.limits[0], CheckMetric::latency_ms, Kind::most, 4, Severity::error, 6);
  check(first.limits[1], CheckMetric::latency_ms, Kind::regression, 3, Severity::error, 6);
  CHECK(first.limits[0].upper_bound);
  CHECK(first.limits[1].upper_bound);
  check(first.limits[2], CheckMetric::latency_ms, Kind::most, 2.5, Severity::error, 7);
  CHECK_FALSE(first.limits[2].upper_bound);
  check(first.limits[3], CheckMetric::peak_memory_bytes, Kind::most, 512 * 1024, Severity::error, 8);
  check(first.limits[4], CheckMetric::peak_memory_bytes, Kind::most, 1024, Severity::warn, 8);
  check(first.limits[5], CheckMetric::peak_memory_bytes, Kind::most, 4096, Severity::error, 8);
  check(first.limits[6], CheckMetric::score_percentile, Kind::least, 50, Severity::error, 9);
  CHECK(first.limits[6].space == "ci/s.toml");
  const BudgetEntry& second = file.entries[1];
  CHECK(second.targets == std::vector<TargetFile>{{"ci/e.json", true}});
  check(second.limits[0], CheckMetric::macs, Kind::regression, 0, Severity::warn, 14);
  check(second.limits[1], CheckMetric::score_percentile, Kind::least, 20, Severity::warn, 15);
  CHECK(second.limits[1].space == "other.toml");
}

TEST_CASE("budget: which models an entry is about") {
  const auto applies = [](const std::string& pattern, const std::string& model) {
    return matches({.models = {pattern}, .targets = {}, .limits = {}, .place = {}}, model);
  };
  CHECK(applies("*", "models/deep/a.onnx"));
  CHECK(applies("a.onnx", "models/a.onnx"));
  CHECK(applies("a", "models/a.onnx"));
  CHECK(applies("a*", "models/abc.json"));
  CHECK(applies("models/a.onnx", "models/a.onnx"));
  CHECK(applies("./models/a.onnx", "models/a.onnx"));
  CHECK(applies("../models/*.onnx", "../models/a.onnx"));
  CHECK(applies("models/*", "models/deep/a.onnx"));
  CHECK(applies("models/a[1].onnx",
                "models/a[1].onnx"));  // a path is a path even where it looks like a pattern
  CHECK_FALSE(applies("a", "models/ab.onnx"));
  CHECK_FALSE(applies("models/a.onnx", "other/models/a.onnx"));
  CHECK_FALSE(applies("other/*", "models/a.onnx"));
}

TEST_CASE("budget: entries without an accelerator take the one of the command line") {
  BudgetFile file =
      parse("[[check]]\nlatency_ms = 1\n[[check]]\naccelerator = \"own.toml\"\nlatency_ms = 1\n");
  CHECK(complete_targets(file, {{"given.toml", false}}));
  CHECK(file.entries[0].targets == std::vector<TargetFile>{{"given.toml", false}});
  CHECK(file.entries[1].targets == std::vector<TargetFile>{{"ci/own.toml", false}});
  CHECK(target_name(file.entries[1].targets[0]) == "own");
  BudgetFile complete = parse("accelerator = \"a.toml\"\n[[check]]\nlatency_ms = 1\n");
  CHECK_FALSE(complete_targets(complete, {{"given.toml", false}}));
}

TEST_CASE("budget: mistakes are told with their place and the remedy") {
  const auto refuses = [](const std::string& text, std::initializer_list<const char*> parts) {
    CAPTURE(text);
    check_mentions(refusal(text), parts);
  };
  refuses("[[check]\n", {"ci/budget.toml:1:", "not TOML"});
  refuses("", {"holds no [[check]]"});
  refuses("[check]\nlatency_ms = 1\n", {"ci/budget.toml:1:1", "[[check]]"});
  refuses("[[check]]\nlatnecy_ms = 4\n",
          {"ci/budget.toml:2:1", "latnecy_ms", "Did you mean \"latency_ms\"?"});
  refuses("acelerator = \"a\"\n", {"ci/budget.toml:1:1", "accelerator"});
  refuses("[[check]]\nlatency_ms = { mx = 4 }\n", {"ci/budget.toml:2:", "check.latency_ms.mx", "max"});
  refuses("[[check]]\nparams = { max = 4, bound = \"high\" }\n", {"ci/budget.toml:2:", "bound"});
  refuses("[[check]]\nparams = { max = 4, level = \"warning\" }\n", {"warning", "warn"});
  refuses("[[check]]\nparams = \"many\"\n", {"ci/budget.toml:2:", "a number, a table"});
  refuses("[[check]]\nparams = -1\n", {"ci/budget.toml:2:", "-1"});
  refuses("[[check]]\nparams = nan\n", {"ci/budget.toml:2:", "nan"});
  refuses("[[check]]\nparams = { level = \"warn\" }\n", {"sets no limit"});
  refuses("[[check]]\nparams = []\n", {"limits nothing"});
  refuses("[[check]]\nmodel = \"a\"\n", {"ci/budget.toml:1:", "limits nothing"});
  refuses("[[check]]\nmodel = []\nparams = 1\n", {"names no model"});
  refuses("[[check]]\nscore_percentile = 101\n", {"101", "100"});
  refuses("[[check]]\nscore_percentile = 50\n", {"which space"});
  refuses("[[check]]\nscore_percentile = { min = 50 }\n", {"which space"});
  refuses("[[check]]\nscore_percentile = { max = 50, space = \"s.toml\" }\n", {"score_percentile.max"});
  refuses("[[check]]\nlatency_ms = 4\n", {"ci/budget.toml:2:", "none is named", "--accelerator"});
  refuses("accelerator = [\"a/npu.toml\", \"b/npu.toml\"]\n[[check]]\nlatency_ms = 4\n",
          {"ci/a/npu.toml", "ci/b/npu.toml", "Rename"});
  CHECK(refusal("[[check]]\nparams = 4\n").empty());  // no number of an accelerator
}

TEST_CASE("budget: garbled files end in an error or a budget") {
  const std::string good =
      "accelerator = [\"a.toml\"]\n[[check]]\nmodel = [\"m*\", \"n\"]\nlatency_ms = [{ max = 4, "
      "max_regression_percent = 3 }, 5]\npeak_memory_kib = { max = 512, level = \"warn\" }\nscore_percentile "
      "= { "
      "min = 50, space = \"s\" }\n";
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const std::string text = garbled(good, seed);
    CAPTURE(text);
    try {
      BudgetFile file = parse(text);
      complete_targets(file, {{"x.toml", false}});
      for (const BudgetEntry& entry : file.entries) {
        REQUIRE_FALSE(entry.limits.empty());
        matches(entry, "models/m.onnx");
      }
    } catch (const InputError& error) {
      ++refused;
      REQUIRE(std::string(error.what()).find("ci/budget.toml") != std::string::npos);
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("budget: a limit in another unit is the number that its decimal means") {
  for (int i = 1; i < 2000; ++i) {
    const std::string digits = std::to_string(1000 + i);
    const BudgetFile file = BudgetFile::parse(
        "[[check]]\nlatency_us = 12." + digits + "\nweight_kib = " + digits + ".5\n", "b.toml");
    const std::vector<Limit>& limits = file.entries[0].limits;
    REQUIRE(limits.size() == 2);
    CAPTURE(digits);
    CHECK(limits[0].amount == std::stod("0.012" + digits));
    CHECK(limits[1].amount == 1024.0 * (1000 + i) + 512);
  }
}
