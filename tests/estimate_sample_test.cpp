// Choosing what to measure.
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/sample.hpp"
#include "assay/network/builder.hpp"

#include "foreign_network.hpp"

#include <array>
#include <cmath>
#include <set>

#include <doctest/doctest.h>

using namespace assay;

namespace {

Accelerator npu() {
  return Accelerator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/edge_npu_16.toml");
}

// A stack of pointwise and depthwise convolutions of random widths.
Network stack(std::uint64_t seed) {
  Random random(seed, Purpose::sample);
  NetworkBuilder b({3, 32, 32});
  OpId x = b.convolution(0, 16, Window::square(3, 2), "stem");
  for (int i = 0; i < 12; ++i) {
    const int channels = 8 + static_cast<int>(random.below(120));
    x = b.convolution(x, channels, Window(), "pointwise");
    x = b.convolution(x, channels, Window::square(3), "depthwise", channels);
  }
  return std::move(b).finish(b.global_average_pool(x, "pool"));
}

struct Pool {
  std::vector<Network> networks;
  std::vector<const Network*> pointers;
  Pool() {
    for (std::uint64_t i = 0; i < 40; ++i) networks.push_back(stack(i));
    for (const Network& network : networks) pointers.push_back(&network);
  }
};

std::size_t depthwise_share_percent(std::span<const Subgraph> subgraphs) {
  std::size_t count = 0;
  for (const Subgraph& s : subgraphs) count += s.is_depthwise();
  return 100 * count / subgraphs.size();
}

// Latencies of depthwise convolutions are off by a factor of up to e^spread either way.
std::vector<SubgraphMeasurement> measured(std::span<const Subgraph> subgraphs, double spread) {
  std::vector<SubgraphMeasurement> rows = measure_on_model(npu(), subgraphs).rows;
  for (SubgraphMeasurement& row : rows) {
    Random random(3, Purpose::noise, row.subgraph.key());
    if (row.subgraph.is_depthwise()) row.latency_ms *= std::exp(spread * (2 * random.uniform() - 1));
  }
  return rows;
}

}  // namespace

TEST_CASE("sampling: the second choice is new, and a function of what was measured and the seed") {
  const Pool pool;
  const Accelerator a = npu();
  const std::vector<Subgraph> first = sample_subgraphs(a.fusion, pool.pointers, 90, 1);
  const std::vector<SubgraphMeasurement> rows = measured(first, 0.5);
  const std::vector<Subgraph> second = sample_uncertain(a, pool.pointers, rows, 60, 1);
  REQUIRE(second.size() == 60);
  std::set<std::uint64_t> keys;
  for (const Subgraph& s : first) keys.insert(s.key());
  for (const Subgraph& s : second) CHECK(keys.insert(s.key()).second);
  CHECK(sample_uncertain(a, pool.pointers, rows, 60, 1) == second);
  CHECK(sample_uncertain(a, pool.pointers, rows, 60, 2) != second);
  std::vector<const Network*> reversed(pool.pointers.rbegin(), pool.pointers.rend());
  CHECK(sample_uncertain(a, reversed, rows, 60, 1) == second);
}

TEST_CASE("sampling: more is measured where the estimator errs") {
  const Pool pool;
  const Accelerator a = npu();
  const std::vector<Subgraph> first = sample_subgraphs(a.fusion, pool.pointers, 120, 1);
  const auto share = [&](double spread) {
    return depthwise_share_percent(sample_uncertain(a, pool.pointers, measured(first, spread), 100, 1));
  };
  const std::size_t noisy = share(0.7), clean = share(0);
  CAPTURE(noisy);
  CAPTURE(clean);
  CHECK(noisy > 80);
  CHECK(noisy > clean + 20);
}

TEST_CASE("sampling: as many as were asked for, however few") {
  const Pool pool;
  const Accelerator a = npu();
  for (const std::size_t count : {1, 2, 3, 5, 9, 10, 11, 12, 13, 60, 101, 500}) {
    CAPTURE(count);
    const std::vector<Subgraph> sample = sample_subgraphs(a.fusion, pool.pointers, count, 1);
    std::set<std::uint64_t> keys;
    for (const Subgraph& s : sample) keys.insert(s.key());
    CHECK(sample.size() == count);
    CHECK(keys.size() == count);
  }
}

TEST_CASE("sampling: what is left may be less than was asked for, or too little to fit") {
  const Pool pool;
  const Accelerator a = npu();
  const std::vector<const Network*> one = {pool.pointers[0]};
  const std::vector<Subgraph> first = sample_subgraphs(a.fusion, one, 15, 1);
  const std::vector<SubgraphMeasurement> rows = measured(first, 0.1);
  const std::vector<Subgraph> rest = sample_uncertain(a, one, rows, 1000, 1);
  CHECK(rest.size() < 26);
  std::vector<SubgraphMeasurement> all = measured(rest, 0.1);
  all.insert(all.end(), rows.begin(), rows.end());
  CHECK(sample_uncertain(a, one, all, 10, 1).empty());
  CHECK_THROWS_AS(sample_uncertain(a, one, std::span(rows).first(3), 10, 1), InputError);
}

TEST_CASE("sampling: variations of windows without padding stay possible") {
  // Few sizes of a kind: most of the sample are variations, on images that the strides do not divide.
  NetworkBuilder b({8, 45, 45});
  OpId x = b.convolution(0, 16, {.kernel_h = 1, .kernel_w = 1, .stride_h = 2, .stride_w = 2}, "1x1 s2");
  x = b.average_pool(x, {.kernel_h = 1, .kernel_w = 1, .stride_h = 2, .stride_w = 2}, "pool");
  x = b.convolution(x, 16, {.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2}, "3x3 valid");
  x = b.max_pool(x, {.kernel_h = 1, .kernel_w = 1, .stride_h = 3, .stride_w = 3}, "pool s3");
  const Network network = std::move(b).finish(b.global_average_pool(x, "global"));
  const std::vector<const Network*> networks = {&network};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<Subgraph> sample = sample_subgraphs(npu().fusion, networks, 300, seed);
    CHECK(sample.size() > 200);
    for (const Subgraph& s : sample) REQUIRE_NOTHROW(check(s, describe(s)));
  }
}

TEST_CASE("sampling: variations of transposed convolutions and shuffles stay possible") {
  const Network network = test::foreign_network();
  const std::vector<const Network*> networks = {&network};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    int transposed = 0;
    for (const Subgraph& s : sample_subgraphs(npu().fusion, networks, 300, seed)) {
      REQUIRE_NOTHROW(check(s, describe(s)));
      transposed += s.is_transposed();
    }
    CHECK(transposed > 10);
  }
}
