// The cycle model as an estimator.
#include "assay/base/error.hpp"

#include "estimate_networks.hpp"
#include "foreign_network.hpp"

#include <doctest/doctest.h>

using namespace assay;
using namespace estimate_test;

namespace {

std::vector<Accelerator> modelled() {
  std::vector<Accelerator> all = {shipped("edge_npu_16"), shipped("edge_npu_64")};
  // Everything that the shipped files leave at its default.
  Accelerator odd = all[0];
  odd.number_format = NumberFormat::int16;
  odd.depthwise = DepthwiseUnit::vector;
  odd.overlap = 0.3;
  odd.sram_kib = 20;
  odd.fusion = {.batch_norm = false, .add = false, .multiply = true, .concat = false};
  all.push_back(odd);
  return all;
}

}  // namespace

TEST_CASE("estimator of the cycle model: every subgraph takes what the model says") {
  for (const Accelerator& accelerator : modelled()) {
    const Estimator estimator = Estimator::of_cycle_model(accelerator);
    std::vector<Network> networks = random_networks(1, 20);
    networks.push_back(test::foreign_network());
    for (const Network& network : networks) {
      double total = 0;
      for (const SubgraphPrediction& part : estimator.explain(network)) {
        const CycleEstimate expected = run_cycle_model(accelerator, part.subgraph);
        INFO(describe(part.subgraph));
        CHECK(part.latency_ms == doctest::Approx(expected.latency_ms).epsilon(1e-12));
        CHECK(part.lane_efficiency == doctest::Approx(expected.lane_efficiency).epsilon(1e-12));
        CHECK(part.bound == expected.bound);
        CHECK_FALSE(part.extrapolated);
        total += part.latency_ms;
      }
      const Prediction prediction = estimator.predict(network);
      CHECK(prediction.latency_ms == doctest::Approx(total).epsilon(1e-12));
      CHECK(prediction.latency_low_ms == prediction.latency_ms);
      CHECK(prediction.latency_high_ms == prediction.latency_ms);
      CHECK_FALSE(prediction.extrapolated);
    }
  }
}

TEST_CASE("estimator of the cycle model: its file reads back, and a file without a cycle model is refused") {
  const Estimator estimator = Estimator::of_cycle_model(modelled()[2]);
  const std::string text = estimator.to_json();
  const Estimator read = Estimator::from_json(text, "e.json");
  CHECK(read.to_json() == text);
  const Network network = random_network(3);
  CHECK(read.predict(network).latency_ms == estimator.predict(network).latency_ms);
  CHECK_THROWS_WITH_AS(Estimator::of_cycle_model(shipped("host_cpu")), doctest::Contains("no cycle model"),
                       InputError);
}
