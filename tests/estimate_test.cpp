#include "assay/accelerator/cycle_model.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/network/builder.hpp"

#include "estimate_networks.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;
using namespace estimate_test;

namespace {

double modelled_latency(const Accelerator& a, const Network& network, double noise = 0,
                        std::uint64_t seed = 1) {
  SubgraphSplitter splitter(a.fusion);
  std::vector<Subgraph> subgraphs;
  for (const SubgraphInstance& i : splitter.split(network)) subgraphs.push_back(i.subgraph);
  double sum = 0;
  for (const SubgraphMeasurement& m : measure_on_model(a, subgraphs, noise, seed).rows) sum += m.latency_ms;
  return sum;
}

// Errors of whole held-out networks against the cycle model.
struct Accuracy {
  double mape = 0;
  double within_10_percent = 0;  // share
  double covered = 0;            // share inside the interval
  double extrapolated = 0;       // share
};
Accuracy accuracy_of(const Estimator& estimator, std::span<const Network> networks, double noise = 0,
                     std::uint64_t seed = 1) {
  Estimator::Session session(estimator);
  Accuracy out;
  for (const Network& network : networks) {
    const double truth = modelled_latency(estimator.accelerator(), network, noise, seed);
    const Prediction p = session.predict(network);
    const double error = std::abs(p.latency_ms / truth - 1);
    const auto n = static_cast<double>(networks.size());
    out.mape += error / n;
    out.within_10_percent += (error <= 0.1) / n;
    out.covered += (p.latency_low_ms <= truth && truth <= p.latency_high_ms) / n;
    out.extrapolated += p.extrapolated / n;
  }
  return out;
}

std::string error_of(const std::string& json) {
  try {
    Estimator::from_json(json, "e.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("estimator: recovers the cycle model on networks that it has not seen") {
  for (const char* name : {"edge_npu_16", "edge_npu_64"}) {
    const std::vector<Network> networks = random_networks(1, 39);
    const Estimator estimator = fit_from_networks(shipped(name), networks);
    const Accuracy accuracy = accuracy_of(estimator, random_networks(1000, 200));
    MESSAGE(std::string(name), ": MAPE ", accuracy.mape, ", within 10 % ", accuracy.within_10_percent,
            ", extrapolated ", accuracy.extrapolated, ", subgraphs MAPE % ",
            estimator.cross_validation().mape_percent);
    CHECK(accuracy.within_10_percent >= 0.99);
    CHECK(accuracy.mape <= 0.02);
    CHECK(accuracy.extrapolated <= 0.3);
    CHECK(estimator.cross_validation().rows >= 450);
    CHECK(estimator.cross_validation().mape_percent < 3);
  }
}

TEST_CASE("estimator: noise is averaged out and covered by the interval") {
  const Accelerator a = shipped("edge_npu_16");
  const Estimator estimator = fit_from_networks(a, random_networks(1, 100), {{.coverage = 0.9}, 200, 0.1});
  const std::vector<Network> unseen = random_networks(3000, 400);
  const Accuracy noisy = accuracy_of(estimator, unseen, 0.1);
  CHECK(noisy.covered >= 0.8);
  CHECK(noisy.covered <= 0.98);
  // Against the truth behind the noise.
  const Accuracy clean = accuracy_of(estimator, unseen);
  MESSAGE("noise 10 %: MAPE ", noisy.mape, ", without noise ", clean.mape, ", covered ", noisy.covered);
  CHECK(clean.mape <= 0.02);
  CHECK(clean.mape < noisy.mape);
}

TEST_CASE("estimator: without networks to calibrate on, intervals of sums are about right too") {
  const Accelerator a = shipped("edge_npu_16");
  // Fewer than 40 networks: none is set apart.
  const Estimator estimator = fit_from_networks(a, random_networks(1, 30), {{.coverage = 0.9}, 500, 0.1});
  const Accuracy accuracy = accuracy_of(estimator, random_networks(3000, 300), 0.1);
  MESSAGE("uncalibrated: covered ", accuracy.covered);
  CHECK(accuracy.covered >= 0.7);
}

TEST_CASE("estimator: one network is enough to estimate that network") {
  const Accelerator a = shipped("edge_npu_16");
  const std::vector<Network> one = random_networks(5, 1);
  const Estimator estimator = fit_from_networks(a, one);
  const Accuracy accuracy = accuracy_of(estimator, one);
  CHECK(accuracy.mape < 0.03);
  CHECK(accuracy.extrapolated == 0);
}

TEST_CASE("estimator: lanes that the file leaves open are found in the measurements") {
  Accelerator a = shipped("edge_npu_16");
  a.weight_swap_cycles = 0;
  std::vector<Subgraph> subgraphs;
  Random random(3, Purpose::sample);
  for (int i = 0; i < 400; ++i) {
    const auto size = static_cast<std::int32_t>(8 + random.below(40));
    subgraphs.push_back({.input = {static_cast<std::int32_t>(1 + random.below(120)), size, size},
                         .output = {static_cast<std::int32_t>(1 + random.below(120)), size, size},
                         .kernel_h = 3,
                         .kernel_w = 3});
  }
  const MeasurementSet measured = measure_on_model(a, subgraphs, 0.01);
  Accelerator open = a;
  open.lanes = {};
  const Estimator estimator = Estimator::fit(open, measured.rows, {});
  CHECK(estimator.cross_validation().mape_percent < 3);
  // 17 output channels take what 32 take.
  const auto latency = [&](int channels) {
    return estimator
        .predict(Subgraph{.input = {64, 28, 28}, .output = {channels, 28, 28}, .kernel_h = 3, .kernel_w = 3})
        .latency_ms;
  };
  CHECK(latency(17) == doctest::Approx(latency(32)).epsilon(0.05));
  CHECK(latency(17) > 1.5 * latency(16));
}

TEST_CASE("estimator: soft lanes and effects that no roofline knows are learned from the measurements") {
  const Accelerator a = shipped("edge_npu_16");
  std::vector<SubgraphMeasurement> soft;
  std::vector<SubgraphMeasurement> odd;
  Random random(8, Purpose::sample);
  for (int i = 0; i < 400; ++i) {
    const auto size = static_cast<std::int32_t>(7 + random.below(30));
    const Subgraph s = {.input = {static_cast<std::int32_t>(8 + random.below(120)), size, size},
                        .output = {static_cast<std::int32_t>(8 + random.below(120)), size, size}};
    const auto macs = static_cast<double>(work_of(s).macs);
    // Half of what the ceiling wastes is lost, at 512 MACs a cycle and 1 GHz.
    soft.push_back({s, 0.001 + macs / 512e6 / lane_efficiency(s.output.channels, 16, 0.5)});
    odd.push_back({s, run_cycle_model(a, s).latency_ms * std::pow(size, 0.4)});
  }
  const auto latency = [](const Estimator& estimator, int channels) {
    return estimator.predict(Subgraph{.input = {64, 28, 28}, .output = {channels, 28, 28}}).latency_ms;
  };
  const Estimator softened = Estimator::fit(a, soft, {});
  CHECK(softened.cross_validation().mape_percent < 0.5);
  CHECK(latency(softened, 32) == doctest::Approx(0.001 + 64 * 784 * 32 / 512e6).epsilon(0.005));
  CHECK(latency(softened, 17) == doctest::Approx(0.001 + 64 * 784 * 24.5 / 512e6).epsilon(0.005));
  const Estimator corrected = Estimator::fit(a, odd, {});
  CHECK(corrected.cross_validation().kinds.front().corrected);
  CHECK(corrected.cross_validation().mape_percent < corrected.cross_validation().roofline_mape_percent / 2);
  CHECK(corrected.cross_validation().mape_percent < 8);
  CHECK(Estimator::from_json(corrected.to_json(), "e.json").to_json() == corrected.to_json());
}

TEST_CASE("estimator: latency does not fall when channels are added") {
  const Estimator estimator = fit_from_networks(shipped("edge_npu_16"), random_networks(1, 40));
  double before = 0;
  for (int channels = 1; channels <= 200; ++channels) {
    const double latency =
        estimator.predict(Subgraph{.input = {48, 14, 14}, .output = {channels, 14, 14}}).latency_ms;
    CHECK(latency >= before);
    before = latency;
  }
}

TEST_CASE("estimator: explain sums to predict and names what bounds each subgraph") {
  const Estimator estimator = fit_from_networks(shipped("edge_npu_16"), random_networks(1, 30));
  const Network network = random_network(9);
  const auto rows = estimator.explain(network);
  const Prediction p = estimator.predict(network);
  double sum = 0;
  double shares = 0;
  int agreeing = 0;
  for (const SubgraphPrediction& row : rows) {
    sum += row.latency_ms;
    shares += row.share;
    CHECK(row.lane_efficiency > 0);
    CHECK(row.lane_efficiency <= 1);
    CHECK(row.first <= row.last);
    const CycleEstimate truth = run_cycle_model(estimator.accelerator(), row.subgraph);
    agreeing += truth.bound == row.bound;
    CHECK(row.lane_efficiency == doctest::Approx(truth.lane_efficiency).epsilon(0.3));
  }
  CHECK(sum == doctest::Approx(p.latency_ms));
  CHECK(shares == doctest::Approx(1));
  CHECK(agreeing >= static_cast<int>(rows.size()) * 9 / 10);
  CHECK(p.latency_low_ms <= p.latency_ms);
  CHECK(p.latency_high_ms >= p.latency_ms);
}

TEST_CASE("estimator: a session gives what predict gives, in any order") {
  const Estimator estimator = fit_from_networks(shipped("edge_npu_64"), random_networks(1, 60));
  const std::vector<Network> networks = random_networks(500, 60);
  Estimator::Session forward(estimator);
  Estimator::Session backward(estimator);
  std::vector<double> latencies;
  for (const Network& network : networks) latencies.push_back(forward.predict(network).latency_ms);
  for (std::size_t i = networks.size(); i-- > 0;) {
    CHECK(backward.predict(networks[i]).latency_ms == latencies[i]);
    CHECK(estimator.predict(networks[i]).latency_ms == latencies[i]);
  }
}

TEST_CASE("estimator: fitting is deterministic, and files read back byte for byte") {
  const Accelerator a = shipped("edge_npu_64");
  const std::vector<Network> networks = random_networks(1, 40);
  const SampleOptions options = {{.seed = 4}, 150, 0.05};
  const std::string text = fit_from_networks(a, networks, options).to_json();
  CHECK(fit_from_networks(a, networks, options).to_json() == text);
  SampleOptions other = options;
  other.seed = 5;
  CHECK(fit_from_networks(a, networks, other).to_json() != text);
  const Estimator again = Estimator::from_json(text, "e.json");
  CHECK(again.to_json() == text);
  const Network network = random_network(11);
  const Estimator original = fit_from_networks(a, networks, options);
  CHECK(again.predict(network).latency_ms == original.predict(network).latency_ms);
  CHECK(again.predict(network).latency_high_ms == original.predict(network).latency_high_ms);
}

TEST_CASE("estimator: what was never measured is estimated from the rest and flagged") {
  const Accelerator a = shipped("edge_npu_16");
  std::vector<Subgraph> convolutions;
  SubgraphSplitter splitter(a.fusion);
  for (const Network& network : random_networks(1, 20)) {
    for (const SubgraphInstance& i : splitter.split(network)) {
      if (kind_of(i.subgraph) == SubgraphKind::convolution) convolutions.push_back(i.subgraph);
    }
  }
  const Estimator estimator = Estimator::fit(a, measure_on_model(a, convolutions).rows, {});
  const Subgraph seen = convolutions.front();
  CHECK_FALSE(estimator.predict(seen).extrapolated);
  Subgraph wide = seen;
  wide.output.channels = 100000;
  CHECK(estimator.predict(wide).extrapolated);
  const Subgraph pool = {.kind = OpKind::global_average_pool, .input = {64, 7, 7}, .output = {64, 1, 1}};
  CHECK(estimator.predict(pool).extrapolated);
  CHECK(estimator.predict(pool).latency_ms > 0);
  CHECK(estimator.predict(random_network(3)).extrapolated);
}

TEST_CASE("estimator: what is known of convolutions is a guess for transposed ones") {
  const Estimator cpu = Estimator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/host_cpu.estimator.json");
  Subgraph s = {.input = {24, 16, 16}, .output = {24, 16, 16}, .groups = 24, .kernel_h = 3, .kernel_w = 3};
  const Prediction plain = cpu.predict(s);
  CHECK_FALSE(plain.extrapolated);
  s.kind = OpKind::transposed_convolution;
  const Prediction transposed = cpu.predict(s);
  CHECK(transposed.extrapolated);
  CHECK(transposed.latency_ms > 0.2 * plain.latency_ms);
  CHECK(transposed.latency_ms < 5 * plain.latency_ms);
  CHECK(transposed.latency_high_ms / transposed.latency_ms > plain.latency_high_ms / plain.latency_ms);
}

TEST_CASE("estimator: measurements that cannot be are refused") {
  const Accelerator a = shipped("edge_npu_16");
  std::vector<Subgraph> subgraphs;
  for (int c = 1; c <= 60; ++c)
    subgraphs.push_back({.input = {c, 28, 28}, .output = {64, 28, 28}, .kernel_h = 3, .kernel_w = 3});
  MeasurementSet set = measure_on_model(a, subgraphs);
  CHECK_NOTHROW(Estimator::fit(a, set.rows, {}));
  CHECK_THROWS_AS(Estimator::fit(a, std::span(set.rows).first(9), {}), InputError);
  const auto refused = [&](auto&& change) {
    MeasurementSet changed = set;
    change(changed.rows);
    CHECK_THROWS_AS(Estimator::fit(a, changed.rows, {}), InputError);
  };
  refused([](auto& rows) { rows[3].latency_ms = 0; });
  refused([](auto& rows) { rows[3].latency_ms = std::nan(""); });
  refused([](auto& rows) { rows[3].subgraph.groups = 7; });
  refused([](auto& rows) {
    for (auto& row : rows) row.latency_ms *= 1e-3;  // seconds
  });
  const Network network = random_network(1);
  const std::vector<NetworkMeasurement> few(4, NetworkMeasurement{&network, 1.0});
  CHECK_THROWS_AS(Estimator::fit(a, set.rows, few), InputError);
  CHECK_THROWS_AS(fit_from_networks(a, {}), InputError);
}

TEST_CASE("estimator files: errors name the file, the key and the remedy") {
  const std::string text = fit_from_networks(shipped("edge_npu_16"), random_networks(1, 3)).to_json();
  CHECK(error_of(text) == "no error");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return error_of(changed.replace(at, from.size(), to));
  };
  const auto mentions = [](const std::string& message, const std::string& part) {
    const bool found = message.find(part) != std::string::npos;
    if (!found) MESSAGE("the message was: ", message);
    return found;
  };
  CHECK(mentions(with("assay-estimator", "assay-network"), "no estimator file"));
  CHECK(mentions(with("\"version\": 2", "\"version\": 1"), "e.json: \"version\" is 1"));
  CHECK(mentions(with("\"feature_version\": 2", "\"feature_version\": 0"), "fit the estimator again"));
  CHECK(mentions(with("\"coverage\"", "\"coverge\""), "\"interval.coverge\" is not known"));
  CHECK(mentions(with("\"coverage\": 0.9", "\"coverage\": 9"), "\"interval.coverage\" is 9"));
  CHECK(mentions(with("clock_mhz", "clock_mzh"), "unknown key"));
  CHECK(mentions(with("\"lanes\": [16", "\"lanes\": [16.5"), "must be integers"));
  CHECK(mentions(error_of("{"), "not JSON"));
  CHECK(mentions(error_of(std::string(100000, '[')), "not JSON"));
  CHECK(mentions(error_of("[]"), "must be an object"));
}

TEST_CASE("estimator files: truncated and garbled ones end in an error or an estimator") {
  const std::string text = fit_from_networks(shipped("edge_npu_16"), random_networks(1, 3)).to_json();
  const Network network = random_network(2);
  for (std::size_t length = 0; length < text.size(); length += 7) error_of(text.substr(0, length));
  Random random(6, Purpose::sample);
  const std::string alphabet = "0123456789-.eE,:{}[]\"ntfa \n\\";
  int accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string garbled = text;
    for (int change = 0; change < 2; ++change) {
      garbled[random.below(garbled.size())] = alphabet[random.below(alphabet.size())];
    }
    try {
      const Prediction p = Estimator::from_json(garbled, "e.json").predict(network);
      CHECK(std::isfinite(p.latency_ms));
      ++accepted;
    } catch (const InputError&) {
    }
  }
  MESSAGE(accepted, " of 2000 garbled files still read");
}

TEST_CASE("memory: activations under the accelerator's policy, weights only where counted") {
  Accelerator a = shipped("edge_npu_16");
  NetworkBuilder b({8, 4, 4});
  OpId x = b.convolution(0, 32, Window{}, "expand");
  x = b.activation(x, Activation::relu, "relu");
  x = b.convolution(x, 8, Window{}, "project");
  const Network network = std::move(b).finish(b.sum(0, x, "add"));
  // While the projection runs: input, expanded, projected.
  CHECK(peak_memory_bytes(a, network) == (8 + 32 + 8) * 16);
  a.weights_counted = true;
  CHECK(peak_memory_bytes(a, network) == (8 + 32 + 8) * 16 + 2 * 8 * 32);
  a.weights_counted = false;
  a.memory.bytes_per_element = 2;
  CHECK(peak_memory_bytes(a, network) == 2 * (8 + 32 + 8) * 16);
}
