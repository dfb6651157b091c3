// Scores that are read off the graph, against their formulas worked out by hand.
#include "assay/network/transform.hpp"
#include "assay/score/score.hpp"

#include "foreign_network.hpp"
#include "score_networks.hpp"

#include <cmath>
#include <functional>

#include <doctest/doctest.h>

using namespace assay;

namespace {

const std::vector<std::string> names = {"depth", "blocks", "nn_mass", "nn_degree", "entropy"};

struct Values {
  double depth, blocks, mass, degree, entropy;
};

Values values(const Network& network) {
  Worker worker;
  const ScoreRecord record = Scorer({.scores = names}).score(worker, network);
  REQUIRE(record.ok());
  const auto& v = record.values;
  return {v[0], v[1], v[2], v[3], v[4]};
}

OpId conv(NetworkBuilder& b, OpId x, int channels, int kernel = 3, int stride = 1, int groups = 1) {
  return b.convolution(x, channels, Window::square(kernel, stride), "conv", groups);
}

Network ended(NetworkBuilder b, OpId x) {
  return std::move(b).finish(test::classifier(b, x, 10));
}

}  // namespace

TEST_CASE("a plain chain") {
  NetworkBuilder b({3, 8, 8}, "chain");
  OpId x = b.activation(b.batch_norm(conv(b, 0, 16), "bn"), Activation::relu, "relu");
  b.mark_block(x, "a");
  x = conv(b, x, 32, 3, 2, 4);
  b.mark_block(x, "b");
  x = b.activation(conv(b, x, 32, 1), Activation::silu, "silu");
  b.mark_block(x, "c");
  const Values v = values(ended(std::move(b), x));
  CHECK(v.depth == 4);
  CHECK(v.blocks == 3);
  CHECK(v.mass == 0);
  CHECK(v.degree == doctest::Approx(16 + 32));
  const double first = std::log(3 * 9), second = first + std::log(16 / 4 * 9) + std::log(32);
  CHECK(v.entropy == doctest::Approx(std::log(8 * 8 * 16) * first + 8 * std::log(4 * 4 * 32) * second));
}

TEST_CASE("capacity adds up widths at their resolution") {
  const auto capacity = [](const Network& network) {
    Worker worker;
    return Scorer({.scores = {"capacity"}}).score(worker, network).values.at(0);
  };
  const auto network = [](bool idle) {
    NetworkBuilder b({3, 8, 8}, "capacity");
    OpId x = b.convolution(0, 16, Window::square(3), "conv", 1, idle);  // a bias is no width
    x = conv(b, x, 32, 3, 2, 4);
    if (idle) {
      conv(b, x, 500);  // nothing reads it
      x = b.sum(x, conv(b, b.zero(x, 32, 1, "none"), 32), "sum");
    }
    return ended(std::move(b), x);
  };
  // sqrt(weights) x sqrt(side of the output), of each layer.
  const double expected =
      std::log(std::sqrt(3 * 16 * 9 * 8) + std::sqrt(4 * 32 * 9 * 4) + std::sqrt(32 * 10));
  CHECK(capacity(network(false)) == doctest::Approx(expected));
  CHECK(capacity(network(true)) == doctest::Approx(expected));

  NetworkBuilder bare({3, 4, 4}, "bare");
  CHECK(capacity(std::move(bare).finish(0)) == 0);
}

TEST_CASE("a transposed convolution is a layer at the resolution that it multiplies") {
  NetworkBuilder b({3, 8, 8}, "up");
  OpId x = conv(b, 0, 16);
  b.mark_block(x, "a");
  x = test::transposed(b, x, 32, test::transposed_window(4, 2, 1), 2);
  b.mark_block(x, "b");
  // Of two outputs the first counts.
  const OpId second = b.activation(x, Activation::relu, "relu");
  const Network network = std::move(b).finish(b.add({.kind = OpKind::outputs}, {x, second}, "outputs"));
  const Values v = values(network);
  CHECK(v.depth == 2);
  const double first = std::log(3 * 9);
  // Of the 4 x 4 taps every output pixel meets 4.
  CHECK(v.entropy == doctest::Approx(std::log(8 * 8 * 16) * first +
                                     8 * std::log(16 * 16 * 32) * (first + std::log(16 / 2 * 4))));
  Worker worker;
  const double capacity = Scorer({.scores = {"capacity"}}).score(worker, network).values.at(0);
  CHECK(capacity ==
        doctest::Approx(std::log(std::sqrt(3 * 16 * 9 * 8.0) + std::sqrt(16 / 2 * 32 * 16 * 8.0))));
}

TEST_CASE("a residual link adds variances and joins layers") {
  NetworkBuilder b({8, 6, 6}, "residual");
  const OpId branch = conv(b, b.activation(conv(b, 0, 8), Activation::relu, "relu"), 8);
  const OpId sum = b.sum(0, branch, "+");
  b.mark_block(sum, "block");
  const Values v = values(ended(std::move(b), sum));
  CHECK(v.depth == 3);
  CHECK(v.mass == doctest::Approx(2.0 * 8 / (2 + 1)));
  CHECK(v.degree == doctest::Approx(16.0 / 2 + 8.0 / 16));
  CHECK(v.entropy == doctest::Approx(8 * std::log(6 * 6 * 8) * std::log(1 + 72.0 * 72.0)));
}

TEST_CASE("concatenating links count the channels that they carry") {
  // Two layers of four channels, each behind all that came before, as in DenseNet.
  NetworkBuilder b({6, 5, 5}, "dense");
  const OpId one = conv(b, 0, 4), first[] = {0, one};
  const OpId joined = b.concat(first, "concat"), two = conv(b, joined, 4), second[] = {joined, two};
  const OpId all = b.concat(second, "concat");
  b.mark_block(all, "block");
  const Values v = values(ended(std::move(b), all));
  // The input's 6 channels skip the first layer; 10 skip the second.
  CHECK(v.mass == doctest::Approx(2.0 * (6 + 10) / (2 + 1)));
  CHECK(v.degree == doctest::Approx(8.0 / 2 + 16.0 / 8));
  const double joined_variance = (6 * 1 + 4 * 54.0) / 10, last = joined_variance * 90;
  const double variance = (10 * joined_variance + 4 * last) / 14;
  CHECK(v.entropy == doctest::Approx(8 * std::log(5 * 5 * 14) * std::log(variance)));
}

TEST_CASE("gates are no layers, and dead branches count nothing") {
  const auto network = [](bool gated) {
    NetworkBuilder b({3, 8, 8}, "gated");
    OpId x = conv(b, 0, 12);
    if (gated) {
      OpId gate = b.activation(conv(b, b.global_average_pool(x, "squeeze"), 3, 1), Activation::relu, "relu");
      gate = b.activation(conv(b, gate, 12, 1), Activation::sigmoid, "gate");
      x = b.multiply(x, gate, "excite");
      conv(b, x, 99);
    }
    b.mark_block(x, "block");
    return ended(std::move(b), conv(b, x, 12, 5));
  };
  const Values plain = values(network(false)), gated = values(network(true));
  CHECK(gated.depth == plain.depth);
  CHECK(gated.mass == plain.mass);
  CHECK(gated.degree == plain.degree);
  CHECK(gated.entropy == plain.entropy);
}

TEST_CASE("entropy grows with the resolution, topology does not") {
  const Network network = test::bottleneck_network(2);
  const Values here = values(network), finer = values(at_resolution(network, 28, 28));
  CHECK(finer.entropy > here.entropy);
  CHECK(finer.depth == here.depth);
  CHECK(finer.mass == here.mass);
  CHECK(finer.degree == here.degree);
}

TEST_CASE("depth is the longest of all paths") {
  for (std::uint64_t i = 0; i < 12; ++i) {
    const Network network = canonical(test::cell_network(i));
    const std::function<int(OpId)> longest = [&](OpId id) {
      int most = 0;
      for (const OpId input : network.inputs(id)) most = std::max(most, longest(input));
      return most + (network.op(id).kind == OpKind::convolution || network.op(id).kind == OpKind::linear);
    };
    CHECK(values(test::cell_network(i)).depth == longest(network.output()));
  }
}

TEST_CASE("structure scores of degenerate networks have a value or a named status") {
  NetworkBuilder bare({3, 4, 4}, "bare");
  const OpId pooled = bare.global_average_pool(0, "pool");
  const Values none = values(std::move(bare).finish(pooled));
  CHECK(none.depth == 0);
  CHECK(none.mass == 0);
  CHECK(none.degree == 0);
  CHECK(none.entropy == 0);

  NetworkBuilder point({5, 1, 1}, "point");
  const Values one_pixel = values(std::move(point).finish(point.linear(0, 3, "classifier")));
  CHECK(one_pixel.depth == 1);
  CHECK(one_pixel.degree == 3);
  CHECK(one_pixel.entropy == doctest::Approx(8 * std::log(3) * std::log(5)));

  NetworkBuilder thin({1, 1, 1}, "thin");
  CHECK(values(std::move(thin).finish(conv(thin, 0, 1, 1))).entropy == 0);

  NetworkBuilder constant({3, 8, 8}, "constant");
  const OpId zero = constant.zero(conv(constant, 0, 8), 8, 1, "none");
  Worker worker;
  const ScoreRecord record = Scorer({.scores = names}).score(worker, ended(std::move(constant), zero));
  CHECK(record.status == "constant_output: entropy");
  CHECK(record.values[0] == 1);
}
