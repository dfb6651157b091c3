// An explained network against the totals that the estimator and the memory count give it.
#include "assay/accelerator/cycle_model.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/explain/explanation.hpp"
#include "assay/network/builder.hpp"
#include "assay/space/space.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include <doctest/doctest.h>

namespace {

using namespace assay;

const std::string root = ASSAY_SOURCE_DIR "/spaces/";

std::vector<Network> networks_of(const std::string& name, int count) {
  const Space space = Space::load(root + name);
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) {
    Random random(7, Purpose::sample, 0, static_cast<std::uint64_t>(i));
    networks.push_back(canonical(space.decode(space.sample(random))));
  }
  return networks;
}

void check_parts(const NetworkExplanation& explained, const Network& network) {
  const auto sum = [&](auto ExplainedSubgraph::*figure) {
    return std::accumulate(
        explained.subgraphs.begin(), explained.subgraphs.end(), std::int64_t{0},
        [&](std::int64_t all, const ExplainedSubgraph& part) { return all + part.*figure; });
  };
  CHECK(explained.params == network.parameters());
  CHECK(explained.macs == network.macs());
  CHECK(sum(&ExplainedSubgraph::params) == network.parameters());
  CHECK(sum(&ExplainedSubgraph::macs) == network.macs());
  // Every subgraph but the last is read by a later one, and none reads itself or one that comes later.
  std::set<int> read;
  for (int i = 0; i < std::ssize(explained.subgraphs); ++i) {
    const ExplainedSubgraph& part = explained.subgraphs[static_cast<std::size_t>(i)];
    INFO(part.name);
    CHECK_FALSE(part.operators.empty());
    CHECK_FALSE(part.inputs.empty());
    CHECK(std::ranges::is_sorted(part.inputs));
    CHECK(part.inputs.front() >= -1);
    CHECK(part.inputs.back() < i);
    read.insert(part.inputs.begin(), part.inputs.end());
  }
  CHECK(read.contains(-1));
  for (int i = 0; i + 1 < std::ssize(explained.subgraphs); ++i) CHECK(read.contains(i));
  std::int64_t peak = 0;
  for (const MemoryMoment& moment : explained.memory) peak = std::max(peak, moment.live_bytes);
  CHECK(peak == explained.peak_memory_bytes);
}

}  // namespace

TEST_CASE("parts add up to the network, for networks of several spaces on several accelerators") {
  for (const char* space : {"mobilenetv2.toml", "nasbench201.toml", "ibn_fashion.toml"}) {
    for (const Network& network : networks_of(space, 3)) {
      for (const char* file : {"edge_npu_16.toml", "edge_npu_64.toml"}) {
        INFO(space, " on ", file);
        const auto estimator = Estimator::of_cycle_model(Accelerator::load(root + "accelerators/" + file));
        const NetworkExplanation explained = explain_network(network, &estimator);
        check_parts(explained, network);
        double latency = 0, share = 0;
        for (const ExplainedSubgraph& part : explained.subgraphs) {
          latency += part.latency_ms;
          share += part.share;
          CHECK(part.lane_efficiency > 0);
          CHECK(part.lane_efficiency <= 1);
          CHECK_FALSE(part.bound.empty());
        }
        CHECK(latency == doctest::Approx(explained.latency_ms).epsilon(1e-12));
        CHECK(explained.latency_ms == estimator.predict(network).latency_ms);
        CHECK(share == doctest::Approx(1).epsilon(1e-12));
        CHECK(explained.peak_memory_bytes == peak_memory_bytes(estimator.accelerator(), network));
      }
      const NetworkExplanation bare = explain_network(network, nullptr);
      check_parts(bare, network);
      CHECK(std::isnan(bare.latency_ms));
      CHECK(std::isnan(bare.subgraphs[0].latency_ms));
      CHECK(bare.peak_memory_bytes == peak_activation_bytes(network, MemoryPolicy{}));
    }
  }
}

TEST_CASE("what runs as one is told operator by operator, and where its inputs come from") {
  NetworkBuilder builder({3, 8, 8});
  const OpId stem = builder.convolution(0, 16, Window::square(3, 2), "stem");
  const OpId act = builder.activation(stem, Activation::relu, "act");
  const OpId left = builder.convolution(act, 16, Window::square(3), "left", 16);
  const OpId add = builder.sum(left, act, "add");
  const OpId cat = builder.concat(std::array{act, add}, "cat");
  const OpId last = builder.convolution(cat, 8, {}, "last");
  const Network network = std::move(builder).finish(last);
  const NetworkExplanation explained = explain_network(network, nullptr);
  REQUIRE(explained.subgraphs.size() == 3);
  CHECK(explained.subgraphs[0].operators == "conv+relu");
  CHECK(explained.subgraphs[0].shape == "3x8x8 -> 16x4x4 k3 s2");
  CHECK(explained.subgraphs[0].inputs == std::vector<int>{-1});
  CHECK(explained.subgraphs[1].operators == "dwconv+add");
  CHECK(explained.subgraphs[1].kind == "depthwise");
  CHECK(explained.subgraphs[1].brief == "3x3 dw conv 16 @4 +add");
  CHECK(explained.subgraphs[1].inputs == std::vector<int>{0});
  CHECK(explained.subgraphs[1].output_bytes == 16 * 4 * 4 * 4);
  // Concatenation is no work: the last convolution reads what it joins.
  CHECK(explained.subgraphs[2].inputs == std::vector<int>{0, 1});
  CHECK(explained.operators == 6);
  CHECK(explained.depth == 6);
  CHECK(explained.input_shape == "3x8x8");
  CHECK(explained.output_shape == "8x4x4");
}
