// Baseline files.
#include "assay/check/baseline.hpp"

#include "check_models.hpp"

#include <doctest/doctest.h>

using namespace assay;
using namespace check_test;

namespace {

CostBaseline sample() {
  const CheckTarget target = npu();
  CostBaseline baseline;
  for (const char* name : {"models/b.json", "models/a \"quoted\"\xFF.json"}) {
    ModelCosts costs = measure_model(usual_network(), name, {&target});
    baseline.models.emplace(costs.model, costs);
  }
  baseline.models.emplace("empty", measure_model(usual_network(), "empty", {}));
  return baseline;
}

}  // namespace

TEST_CASE("baseline: what is written is read, byte for byte") {
  const CostBaseline baseline = sample();
  const std::string text = baseline.to_json();
  const CostBaseline read = CostBaseline::parse(text, "b.json");
  CHECK(read.to_json() == text);
  REQUIRE(read.find("models/b.json") != nullptr);
  CHECK(read.find("models/c.json") == nullptr);
  const ModelCosts& before = *baseline.find("models/b.json");
  const ModelCosts& after = *read.find("models/b.json");
  CHECK(after.params == before.params);
  CHECK(after.macs == before.macs);
  REQUIRE(after.targets.size() == 1);
  CHECK(after.targets[0].fingerprint == before.targets[0].fingerprint);
  CHECK(after.targets[0].latency_ms == before.targets[0].latency_ms);
  CHECK(after.targets[0].subgraphs.size() == before.targets[0].subgraphs.size());
  CHECK(after.targets[0].alive.size() == before.targets[0].alive.size());
  CHECK(CostBaseline::parse(CostBaseline{}.to_json(), "b.json").models.empty());
}

TEST_CASE("baseline: an update keeps what is known on other targets, in the order of their names") {
  CheckTarget target = npu(), other = npu();
  target.name = "m";
  other.name = "a";
  CostBaseline baseline;
  baseline.update(measure_model(usual_network(), "model", {&target}));
  baseline.update(measure_model(network_of({{"block1"}}), "model", {&other}));
  const ModelCosts& costs = *baseline.find("model");
  REQUIRE(costs.targets.size() == 2);
  CHECK(costs.targets[0].target == "a");
  CHECK(costs.targets[1].target == "m");
  CHECK(costs.targets[1].latency_ms > costs.targets[0].latency_ms);
  CHECK(costs.params == measure_model(network_of({{"block1"}}), "model", {}).params);
  // The same target once more: replaced.
  baseline.update(measure_model(network_of({{"block1"}}), "model", {&target}));
  REQUIRE(costs.targets.size() == 2);
  CHECK(costs.targets[1].latency_ms == costs.targets[0].latency_ms);
  CHECK(CostBaseline::parse(baseline.to_json(), "b.json").to_json() == baseline.to_json());
}

TEST_CASE("baseline: other files are refused with the remedy") {
  const auto refuses = [](const std::string& text, std::initializer_list<const char*> parts) {
    const std::string refusal = message([&] { CostBaseline::parse(text, "b.json"); });
    check_mentions(refusal, parts);
    check_mentions(refusal, {"b.json", "--update-baseline"});
    CHECK(refusal.find("exception") == std::string::npos);
  };
  refuses("", {"no JSON from byte"});
  refuses("[]", {"\"format\""});
  refuses("{\"format\": \"assay-network\"}", {"\"format\" is not \"assay-baseline\""});
  refuses("{\"format\": \"assay-baseline\", \"version\": 2, \"models\": {}}",
          {"version is 2", "reads version 1"});
  refuses("{\"format\": \"assay-baseline\", \"version\": 1}", {"models"});
  refuses("{\"format\": \"assay-baseline\", \"version\": 1, \"models\": {}, \"more\": 1}",
          {"\"more\" is not known"});
  refuses("{\"format\": \"assay-baseline\", \"version\": 1, \"models\": []}", {"no object"});
  refuses(
      "{\"format\": \"assay-baseline\", \"version\": 1, \"models\": {\"a\": {\"params\": -1, \"macs\": 0, "
      "\"operators\": [], \"targets\": {}}}}",
      {"-1 is no count"});
}

TEST_CASE("baseline: garbled files end in an error or a baseline") {
  const std::string good = sample().to_json();
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    CAPTURE(seed);
    try {
      CostBaseline::parse(garbled(good, seed), "b.json").to_json();
    } catch (const InputError& error) {
      ++refused;
      REQUIRE(std::string(error.what()).starts_with("b.json: "));
    }
  }
  CHECK(refused > 500);
}
