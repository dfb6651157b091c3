#include "assay/accelerator/cycle_model.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/advice.hpp"
#include "assay/network/builder.hpp"

#include "foreign_network.hpp"

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

using namespace assay;

namespace {

Accelerator shipped(const std::string& name) {
  return Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/" + name + ".toml");
}

// Inverted bottlenecks and dense convolutions with `first`, `second` ... channels.
Network sample_network(std::vector<int> channels) {
  NetworkBuilder b({3, 224, 224});  // large enough that activations leave the chip
  OpId x = b.convolution(0, channels[0], Window::square(3, 2), "stem");
  for (const int c : channels) {
    const int wide = 3 * b.shape(x).channels;
    OpId y = b.activation(b.convolution(x, wide, Window{}, "expand"), Activation::relu, "relu");
    y = b.activation(b.convolution(y, wide, Window::square(3), "depthwise", wide), Activation::h_swish,
                     "swish");
    x = b.convolution(b.convolution(y, c, Window{}, "project"), c, Window::square(3, 2), "dense");
  }
  return std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "fc"));
}

const Estimator& estimator_of(const std::string& name) {
  static const auto fit = [](const std::string& accelerator) {
    std::vector<Network> networks;
    for (int i = 0; i < 60; ++i) networks.push_back(sample_network({8 + i, 16 + 2 * i, 24 + 3 * i}));
    return fit_from_networks(shipped(accelerator), networks);
  };
  static const Estimator small = fit("edge_npu_16"), large = fit("edge_npu_64");
  return name == "edge_npu_16" ? small : large;
}

// The only subgraph of a network of one operator.
SubgraphPrediction convolution(const Estimator& estimator, int in, int out, int size, int kernel = 3,
                               int groups = 1) {
  NetworkBuilder b({in, size, size});
  const OpId conv = b.convolution(0, out, Window::square(kernel), "conv", groups);
  const auto parts = estimator.explain(std::move(b).finish(conv));
  REQUIRE(parts.size() == 1);
  return parts[0];
}

}  // namespace

TEST_CASE("17 channels on 16 lanes: 16 or 32") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction part = convolution(npu, 17, 17, 28);
  REQUIRE(part.bound == Bound::compute);
  const Advice advice = advise(npu, part);
  for (const auto& side : {advice.in, advice.out}) {
    REQUIRE(side);
    CHECK(side->channels == 17);
    CHECK_FALSE(side->fills);
    REQUIRE(side->down);
    REQUIRE(side->up);
    CHECK(side->down->channels == 16);
    CHECK(side->up->channels == 32);
    // One group of lanes instead of two; the other 15 channels are free.
    CHECK(side->down->latency_ms == doctest::Approx(0.5 * part.latency_ms).epsilon(0.1));
    CHECK(side->up->latency_ms == doctest::Approx(part.latency_ms).epsilon(0.02));
  }
  CHECK_FALSE(advice.dense_latency_ms);
  CHECK(to_text(advice, part).starts_with("in or out 16 -"));
}

TEST_CASE("predictions of the changed subgraph, not of its lanes") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const Advice advice = advise(npu, convolution(npu, 40, 24, 28));
  const auto latency = [&](int in, int out) { return convolution(npu, in, out, 28).latency_ms; };
  REQUIRE(advice.in->down);
  REQUIRE(advice.out->up);
  CHECK(advice.in->down->channels == 32);
  CHECK(advice.in->down->latency_ms == latency(32, 24));
  CHECK(advice.in->up->channels == 48);
  CHECK(advice.out->up->channels == 32);
  CHECK(advice.out->up->latency_ms == latency(40, 32));
}

TEST_CASE("full lanes, and few channels, ask for no fewer") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction full = convolution(npu, 32, 48, 28);
  const Advice advice = advise(npu, full);
  CHECK(advice.in->fills);
  CHECK(advice.out->fills);
  CHECK_FALSE(advice.in->down);
  CHECK_FALSE(advice.out->up);
  CHECK(to_text(advice, full) == "its lanes are full");
}

TEST_CASE("an image has the channels that it has") {
  const Estimator& npu = estimator_of("edge_npu_16");
  for (const int channels : {1, 3}) {
    const SubgraphPrediction stem = convolution(npu, channels, 32, 56);
    const Advice advice = advise(npu, stem);
    CHECK_FALSE(advice.in->down);
    CHECK_FALSE(advice.in->up);
    CHECK(to_text(advice, stem) ==
          (channels == 1 ? "1 input channel leaves lanes idle" : "3 input channels leave lanes idle"));
  }
}

TEST_CASE("more work is said with its time") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction part = convolution(npu, 24, 24, 28, 3, 24);
  Advice advice;
  advice.out = ChannelAdvice{24, false, std::nullopt, ChannelStep{96, 2.2 * part.latency_ms, false}};
  CHECK(to_text(advice, part) == "ch 96: 4 x the work in 2.2 x the time");
  advice.out->up->extrapolated = true;
  CHECK(to_text(advice, part) == "ch 96: 4 x the work in 2.2 x the time?");
  advice.out->up->latency_ms = part.latency_ms;
  CHECK(to_text(advice, part) == "ch 96 same?");
  // More time than it gives.
  advice.out->up->latency_ms = 5 * part.latency_ms;
  advice.dense_latency_ms = 30 * part.latency_ms;
  CHECK(to_text(advice, part) == "28x28 pixels leave lanes idle");
}

TEST_CASE("what lies outside of the measurements is marked") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction part = convolution(npu, 1999, 1999, 28);
  const Advice advice = advise(npu, part);
  REQUIRE(advice.out->down);
  CHECK(advice.out->down->extrapolated);
  CHECK_FALSE(advise(npu, convolution(npu, 40, 24, 28)).in->down->extrapolated);
}

TEST_CASE("the steps are those of the estimator: 64 lanes on the larger accelerator") {
  const Estimator& npu = estimator_of("edge_npu_64");
  const Advice advice = advise(npu, convolution(npu, 80, 80, 28));
  REQUIRE(advice.out->down);
  REQUIRE(advice.out->up);
  CHECK(advice.out->down->channels == 64);
  CHECK(advice.out->up->channels == 128);
}

TEST_CASE("depthwise convolutions: what a dense one takes, and channels that change together") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction part = convolution(npu, 24, 24, 28, 3, 24);
  const Advice advice = advise(npu, part);
  REQUIRE(advice.dense_latency_ms);
  CHECK(*advice.dense_latency_ms == convolution(npu, 24, 24, 28).latency_ms);
  CHECK_FALSE(advice.in);
  REQUIRE(advice.out->down);
  CHECK(advice.out->down->channels == 16);
  CHECK(advice.out->down->latency_ms == convolution(npu, 16, 16, 28, 3, 16).latency_ms);
  CHECK(to_text(advice, part).starts_with("dense: 24 x the work in "));
}

TEST_CASE("grouped convolutions change by multiples of their groups") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const Advice advice = advise(npu, convolution(npu, 40, 40, 28, 3, 4));
  for (const auto& side : {advice.in, advice.out}) {
    for (const auto& step : {side->down, side->up}) {
      if (step) CHECK(step->channels % 4 == 0);
    }
  }
  REQUIRE(advice.out->down);
  CHECK(advice.out->down->channels == 32);
}

TEST_CASE("memory: which bytes cross the interface") {
  const Estimator& npu = estimator_of("edge_npu_16");
  NetworkBuilder b({1280, 1, 1});
  const Network classifier = [&] {
    const OpId fc = b.linear(0, 1000, "fc");
    return std::move(b).finish(fc);
  }();
  const SubgraphPrediction linear = npu.explain(classifier)[0];
  CHECK(linear.bound == Bound::memory);
  const Advice weights = advise(npu, linear);
  CHECK(weights.weight_bytes == 1280 * 1000 + 1000);
  CHECK(weights.activation_bytes == 0);
  CHECK(to_text(weights, linear) == "weights: 100% of its traffic");

  const SubgraphPrediction large = convolution(npu, 32, 64, 224, 1);
  CHECK(large.bound == Bound::memory);
  const Advice activations = advise(npu, large);
  CHECK(activations.weight_bytes == 32 * 64);
  CHECK(activations.activation_bytes == 96 * 224 * 224 - 512 * 1024);
  CHECK(to_text(activations, large) == "activations: 100% of its traffic");
}

TEST_CASE("overhead: fusing saves a launch, elementwise operators save all") {
  const Estimator& npu = estimator_of("edge_npu_16");
  const SubgraphPrediction small = convolution(npu, 16, 16, 4, 1);
  CHECK(small.bound == Bound::overhead);
  CHECK(advise(npu, small).fusing_saves_ms == doctest::Approx(0.001));
  CHECK(to_text(advise(npu, small), small).starts_with("fused with another: -"));

  NetworkBuilder b({16, 4, 4});
  const OpId swish = b.activation(0, Activation::h_swish, "swish");
  const SubgraphPrediction elementwise = npu.explain(std::move(b).finish(swish))[0];
  const Advice advice = advise(npu, elementwise);
  CHECK(advice.fusing_saves_ms == elementwise.latency_ms);
  CHECK(advice.fused_activation == Activation::relu);
  CHECK(to_text(advice, elementwise) == "another network: relu would be fused, -100%");
  CHECK_FALSE(advise(npu, small).fused_activation);
}

TEST_CASE("shuffles keep their groups, and a layer norm fuses into nothing") {
  const Estimator npu = Estimator::of_cycle_model(shipped("edge_npu_16"));
  for (const SubgraphPrediction& part : npu.explain(test::foreign_network())) {
    INFO(describe(part.subgraph));
    const Advice advice = advise(npu, part);
    CHECK(std::isfinite(advice.fusing_saves_ms));
    CHECK_FALSE(to_text(advice, part).find("nan") != std::string::npos);
    const int groups = part.subgraph.is_depthwise() ? 1 : part.subgraph.groups;
    if (advice.out) {
      for (const auto& step : {advice.out->down, advice.out->up})
        if (step) CHECK(step->channels % groups == 0);
    }
    if (part.subgraph.kind == OpKind::layer_norm) CHECK(advice.fusing_saves_ms < part.latency_ms);
  }
}

TEST_CASE("ripples of a regression are no steps") {
  const Estimator cpu = Estimator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/host_cpu.estimator.json");
  for (int channels = 12; channels < 140; channels += 9) {
    CAPTURE(channels);
    const Advice advice = advise(cpu, convolution(cpu, channels, channels, 14, 1));
    for (const auto& side : {advice.in, advice.out}) {
      for (const auto& step : {side->down, side->up})
        if (step) CHECK(step->channels % 4 == 0);
    }
  }
}

TEST_CASE("lanes that the file leaves open: the fitted ones, under noise") {
  const Accelerator truth = shipped("edge_npu_16");
  Accelerator open = truth;
  open.lanes = {};
  std::vector<Subgraph> subgraphs;
  for (int i = 0; i < 400; ++i) {
    Random random(7, Purpose::sample, 0, static_cast<std::uint64_t>(i));
    const auto between = [&](int low, int high) {
      return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    Subgraph s;
    s.kernel_h = s.kernel_w = 1 + 2 * between(0, 1);
    const int size = between(7, 28);
    s.input = {between(4, 96), size, size};
    s.output = {between(4, 96), size, size};
    subgraphs.push_back(s);
  }
  for (const double noise : {0.0, 0.03}) {
    CAPTURE(noise);
    const Estimator fitted = Estimator::fit(open, measure_on_model(truth, subgraphs, noise).rows, {});
    const Advice advice = advise(fitted, convolution(fitted, 40, 24, 24));
    for (const auto& [side, down, up] : {std::tuple(*advice.in, 32, 48), std::tuple(*advice.out, 16, 32)}) {
      REQUIRE(side.down);
      REQUIRE(side.up);
      CHECK(side.down->channels == down);
      CHECK(side.up->channels == up);
    }
  }
}
