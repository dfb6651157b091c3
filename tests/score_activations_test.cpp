// Scores of activation patterns and of the spread of features against their definitions, computed in double
// precision on an interpreter of networks.
#include "../src/score/activation_pattern.hpp"
#include "../src/score/blocks.hpp"
#include "score_run.hpp"

#include <array>
#include <numbers>
#include <set>

using namespace assay;
using namespace assay::reference;

namespace {

// Activity of every unit, by image: a unit is active where what enters the activation is positive.
std::vector<std::vector<bool>> patterns(const Network& network, const Interpreter& interpreter, int images) {
  std::vector<std::vector<bool>> by_image(static_cast<std::size_t>(images));
  for (OpId id = 1; id < network.size(); ++id) {
    if (network.op(id).kind != OpKind::activation) continue;
    const Values& entering = interpreter.output(network.inputs(id)[0]);
    const std::size_t units = entering.size() / by_image.size();
    for (std::size_t i = 0; i < entering.size(); ++i) by_image[i / units].push_back(entering[i] > 0);
  }
  return by_image;
}

Interpreter interpreter_of(Worker& worker, const Network& network, std::uint64_t identity, int images) {
  return {network, initial_parameters(worker, network, Initialisation::kaiming_normal_fan_in, seed, identity),
          images};
}

double swap(Worker& worker, const Network& declared) {
  constexpr int images = 32;
  const Network network = canonical(declared);
  Interpreter interpreter = interpreter_of(worker, network, fingerprint(declared), images);
  interpreter.forward(random_values(Purpose::input, network.input_shape(), images));
  const auto by_image = patterns(network, interpreter, images);
  std::set<std::vector<bool>> distinct;
  for (std::size_t unit = 0; unit < by_image[0].size(); ++unit) {
    std::vector<bool> pattern;
    for (const auto& image : by_image) pattern.push_back(image[unit]);
    distinct.insert(pattern);
  }
  return static_cast<double>(distinct.size());
}

double linear_regions(Worker& worker, const Network& declared) {
  constexpr std::size_t images = 128;
  const Network network = at_resolution(canonical(declared), 4, 4);
  Interpreter interpreter = interpreter_of(worker, network, fingerprint(declared), images);
  const Values drawn = random_values(Purpose::input, network.input_shape(), 2);
  const std::size_t size = drawn.size() / 2;
  Values circle;
  for (std::size_t i = 0; i < images; ++i)
    for (std::size_t e = 0; e < size; ++e) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / images;
      circle.push_back(drawn[e] * std::cos(angle) + drawn[size + e] * std::sin(angle));
    }
  interpreter.forward(circle);
  const auto by_image = patterns(network, interpreter, images);
  double crossed = 0;
  for (std::size_t i = 0; i < images; ++i)
    for (std::size_t unit = 0; unit < by_image[i].size(); ++unit)
      crossed += by_image[i][unit] != by_image[(i + 1) % images][unit];
  return std::max(crossed, 1.0);
}

// Positions of the first `images` images x channels of a map.
Matrix rows_of(const Values& map, Shape shape, int images) {
  const int pixels = shape.height * shape.width;
  Matrix rows(images * pixels, shape.channels);
  for (int n = 0; n < images; ++n)
    for (int c = 0; c < shape.channels; ++c)
      for (int p = 0; p < pixels; ++p) rows(n * pixels + p, c) = map[(n * shape.channels + c) * pixels + p];
  return rows.rowwise() - rows.colwise().mean();
}

double participation_ratio(Worker& worker, const Network& network) {
  const Run run(worker, network);
  double total = 0;
  for (const OpId block : block_outputs(run.network)) {
    const Matrix rows = rows_of(run.interpreter.output(block), run.network.shape(block), batch);
    const Eigen::ArrayXd values = Eigen::JacobiSVD<Matrix>(rows).singularValues().array().square();
    total += values.sum() * values.sum() / values.square().sum();
  }
  return total;
}

double meco(Worker& worker, const Network& network) {
  const Run run(worker, network);
  double total = 0;
  for (OpId id = 1; id < run.network.size(); ++id) {
    if (run.network.op(id).kind != OpKind::convolution) continue;
    const Shape shape = run.network.shape(id);
    const int count = std::min(8, shape.channels);
    const Matrix all = rows_of(run.interpreter.output(id), shape, 1);
    Matrix sample(all.rows(), count);
    for (int k = 0; k < count; ++k) sample.col(k) = all.col(k * shape.channels / count);
    for (int k = 0; k < count; ++k)
      if (sample.col(k).norm() > 0) sample.col(k).normalize();
    const Matrix correlation = sample.transpose() * sample;
    const double least = Eigen::SelfAdjointEigenSolver<Matrix>(correlation).eigenvalues()(0);
    total += std::max(least, 0.0) * shape.channels / count;
  }
  return total;
}

ScoreRecord score(const Network& network, std::vector<std::string> scores) {
  Worker worker;
  return Scorer({.scores = std::move(scores), .batch = 4, .seed = 3}).score(worker, network);
}

const std::vector<std::string> all = {"naswot", "swap", "linear_regions", "meco", "participation_ratio"};

}  // namespace

TEST_CASE("scores of the spread of features agree with their definitions") {
  const Check checks[] = {{"meco", meco}, {"participation_ratio", participation_ratio}};
  check_values(checks);
}

TEST_CASE("scores of activation patterns agree with their definitions") {
  Worker worker;
  const Scorer scorer({.scores = {"swap", "linear_regions"}, .batch = 2, .seed = seed});
  for (std::uint64_t i = 0; i < 12; ++i) {
    CAPTURE(i);
    const Network network =
        i % 2 == 0 ? test::cell_network(i, {3, 6, 6}) : test::bottleneck_network(i, {3, 7, 7});
    const ScoreRecord record = scorer.score(worker, network);
    REQUIRE(record.ok());
    // A unit may fall on the other side of zero by rounding.
    CHECK(record.values[0] == doctest::Approx(swap(worker, network)).epsilon(1e-3));
    CHECK(record.values[1] == doctest::Approx(linear_regions(worker, network)).epsilon(1e-3));
  }
}

TEST_CASE("a unit is active where its pre-activation is positive, whatever the function") {
  const Activation functions[] = {Activation::relu,    Activation::relu6,   Activation::leaky_relu,
                                  Activation::h_swish, Activation::silu,    Activation::gelu,
                                  Activation::tanh,    Activation::sigmoid, Activation::h_sigmoid};
  const std::array<float, 12> entering = {-9.0f, -6.0f, -3.0f, -2.9f, -0.5f, -1e-3f,
                                          0.0f,  1e-3f, 0.5f,  3.0f,  6.0f,  9.0f};
  Worker worker;
  for (const Activation function : functions) {
    CAPTURE(to_string(function));
    NetworkBuilder b({1, 1, 12}, "activation");
    const OpId activation = b.activation(0, function, "f", 0.1f);
    const Network network = std::move(b).finish(activation);
    Executable executable(worker, network, {.batch = 2, .forward_taps = {activation}});
    std::ranges::copy(entering, executable.input().begin());
    std::ranges::transform(entering, executable.input().begin() + 12, [](float x) { return -x; });
    const float threshold = activity_threshold(network.op(activation)).value();
    executable.forward([&](OpId, TensorView& outputs) {
      // Positive in exactly one of the images, but for the zero.
      ActivationPattern pattern(2);
      CHECK(pattern.read(outputs, threshold));
      CHECK(pattern.distance(0, 1) == 11);
      std::vector<std::uint32_t> units;
      CHECK(append_unit_patterns(outputs, threshold, units).value() == outputs.padded_channels * 12 - 12);
      for (int i = 0; i < 12; ++i) {
        const float x = entering[static_cast<std::size_t>(i)];
        CHECK(units[static_cast<std::size_t>(outputs.offset(0, 0, 0, i))] == (x > 0 ? 1u : x < 0 ? 2u : 0u));
      }
    });
  }
  // The same sign on both sides.
  Operator folding{.kind = OpKind::activation, .activation = Activation::leaky_relu};
  folding.parameter = -1;
  CHECK_FALSE(activity_threshold(folding).has_value());
}

TEST_CASE("activation patterns tell numbers that overflowed") {
  std::array<float, 40> values = {};
  TensorView view{.data = values.data(),
                  .batch = 1,
                  .channels = 40,
                  .height = 1,
                  .width = 1,
                  .padded_channels = 40,
                  .image_stride = 40,
                  .block_stride = 1};
  for (const std::size_t place : {3u, 39u})
    for (const float bad :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      CHECK(ActivationPattern(1).read(view, 0));
      std::vector<std::uint32_t> units;
      CHECK(append_unit_patterns(view, 0, units).has_value());
      values[place] = bad;
      CHECK_FALSE(ActivationPattern(1).read(view, 0));
      CHECK_FALSE(append_unit_patterns(view, 0, units).has_value());
      values[place] = 0;
    }
}

TEST_CASE("more nonlinear units mean more regions and more patterns") {
  const auto chain = [](int layers, bool nonlinear) {
    NetworkBuilder b({3, 8, 8}, "chain");
    OpId x = 0;
    for (int i = 0; i < layers; ++i) {
      x = test::conv_bn(b, x, 16, 3);
      if (nonlinear) x = b.activation(x, Activation::silu, "silu");
      b.mark_block(x, "block");
    }
    return std::move(b).finish(test::classifier(b, x, 10));
  };
  const auto none = score(chain(3, false), all), shallow = score(chain(3, true), all);
  const auto deep = score(chain(6, true), all);
  CHECK(none.status == "no_activation: naswot");
  CHECK(none.values[1] == 0);
  CHECK(none.values[2] == 1);
  CHECK(shallow.ok());
  CHECK(deep.ok());
  CHECK(shallow.values[1] > 1);
  CHECK(deep.values[1] > shallow.values[1]);
  CHECK(deep.values[2] > 2 * shallow.values[2]);
}

TEST_CASE("every resolution a network works at gives linear regions") {
  // Two kernels without padding need 9 pixels a side: 4 and 8 are too few, 16 is enough.
  NetworkBuilder b({3, 40, 20}, "unpadded");
  const Window kernel = {.kernel_h = 5, .kernel_w = 5};
  OpId x = b.activation(b.convolution(0, 8, kernel, "a"), Activation::relu, "relu");
  x = b.activation(b.convolution(x, 8, {.kernel_h = 5, .kernel_w = 1}, "b"), Activation::relu, "relu");
  const Network network = std::move(b).finish(test::classifier(b, x, 10));
  const auto record = score(network, {"linear_regions"});
  CHECK(record.ok());
  // 12x4 and 8x4 positions of 8 channels, each crossed at least twice.
  CHECK(record.values[0] > 2 * 8 * (12 * 4 + 8 * 4) - 100);
}

TEST_CASE("bounds of participation_ratio and meco") {
  NetworkBuilder b({2, 6, 6}, "narrow");
  OpId x = b.activation(test::conv_bn(b, 0, 1, 3), Activation::relu, "relu");
  b.mark_block(x, "a");
  x = b.activation(test::conv_bn(b, x, 1, 3), Activation::relu, "relu");
  b.mark_block(x, "b");
  const auto thin = score(std::move(b).finish(test::classifier(b, x, 2)), all);
  // One channel fills one dimension and correlates with itself.
  CHECK(thin.values[4] == doctest::Approx(2));
  CHECK(thin.values[3] == doctest::Approx(2));

  const Network network = test::cell_network(1);
  double channels = 0;
  for (const OpId block : block_outputs(canonical(network)))
    channels += canonical(network).shape(block).channels;
  const auto record = score(network, all);
  CHECK(record.values[4] < channels);
  CHECK(record.values[4] > 5);
}

TEST_CASE("activation scores of degenerate networks have a value or a named status") {
  NetworkBuilder constant({3, 8, 8}, "constant");
  OpId x = test::conv_bn(constant, 0, 8, 3);
  constant.mark_block(x, "stem");
  x = constant.activation(constant.zero(x, 8, 1, "none"), Activation::relu, "relu");
  constant.mark_block(x, "cell");
  const auto dead = score(std::move(constant).finish(test::classifier(constant, x, 10)), all);
  CHECK(dead.status.starts_with("no_activation: naswot"));
  CHECK(std::vector(dead.values.begin() + 1, dead.values.end()) == std::vector<double>{0, 1, 0, 0});

  NetworkBuilder point({5, 1, 1}, "point");
  x = point.activation(test::conv_bn(point, 0, 20, 1), Activation::gelu, "gelu");
  point.mark_block(x, "a");
  const auto one_pixel = score(std::move(point).finish(point.linear(x, 3, "classifier")), all);
  CHECK(one_pixel.ok());
  CHECK(one_pixel.values[3] == 0);  // nothing varies over one pixel

  NetworkBuilder loud({3, 8, 8}, "overflow");
  x = 0;
  for (int i = 0; i < 60; ++i) {
    x = loud.activation(loud.convolution(x, 32, Window::square(3), "conv"), Activation::relu, "relu");
    for (int twice = 0; twice < 3; ++twice) x = loud.sum(x, x, "twice");
    if (i % 10 == 9) loud.mark_block(x, "block");
  }
  const auto overflow = score(std::move(loud).finish(test::classifier(loud, x, 10)), all);
  CHECK(overflow.status == "not_finite: naswot swap linear_regions meco participation_ratio");
}
