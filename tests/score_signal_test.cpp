// Signal propagation and its parts: against their definitions, worked out by hand, and what must not move
// them. Networks without weights compute the same whatever their fingerprint, so two of them can be compared.
#include "../src/score/blocks.hpp"
#include "score_run.hpp"

#include <functional>
#include <numeric>

using namespace assay;
using namespace assay::reference;

namespace {

double norm(const Values& values) {
  double squares = 0;
  for (const double x : values) squares += x * x;
  return std::sqrt(squares);
}

// Of every two images of a tensor.
std::vector<double> correlations(const Values& tensor) {
  const auto size = static_cast<Eigen::Index>(tensor.size()) / batch;
  Matrix rows(batch, size);
  for (Eigen::Index i = 0; i < rows.size(); ++i)
    rows(i / size, i % size) = tensor[static_cast<std::size_t>(i)];
  rows = (rows.colwise() - rows.rowwise().mean()).eval();
  std::vector<double> result;
  for (int i = 0; i < batch; ++i)
    for (int j = i + 1; j < batch; ++j)
      result.push_back(rows.row(i).dot(rows.row(j)) / (rows.row(i).norm() * rows.row(j).norm()));
  return result;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Of the output: 5/4 for even images, 3/4 for odd ones.
Values output_gradient(const Run& run) {
  Values gradient(run.output().size());
  const std::size_t size = gradient.size() / batch;
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = i / size % 2 == 0 ? 1.25 : 0.75;
  return gradient;
}

double gradient_correlation(Worker& worker, const Network& network) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), output_gradient(run));
  std::vector<double> squares = correlations(run.interpreter.gradient(0));
  for (double& r : squares) r *= r;
  return std::sqrt(mean(squares));
}

double gradient_drift(Worker& worker, const Network& network) {
  Run run(worker, network);
  run.interpreter.backward(run.network.output(), output_gradient(run));
  double drift = 0, before = 0;
  for (const OpId block : block_outputs(run.network)) {
    const double strength = norm(run.interpreter.output(block)) * norm(run.interpreter.gradient(block));
    if (before > 0) drift += std::abs(std::log(before) - std::log(strength));
    before = strength;
  }
  return drift;
}

double feature_similarity(Worker& worker, const Network& network) {
  const Run run(worker, network);
  return mean(correlations(run.interpreter.output(feature_output(run.network))));
}

double combined(double correlation, double drift, double similarity) {
  return -1.5 * std::log(1 + 10 * correlation) - 0.075 * drift + 2 * std::min(similarity, 0.125);
}

double signal_propagation(Worker& worker, const Network& network) {
  return combined(gradient_correlation(worker, network), gradient_drift(worker, network),
                  feature_similarity(worker, network));
}

const Check checks[] = {
    {"gradient_correlation", gradient_correlation},
    {"gradient_drift", gradient_drift},
    {"feature_similarity", feature_similarity},
    {"signal_propagation", signal_propagation},
};

struct Signal {
  double correlation, drift, similarity, total;
  std::string status;
};

Signal signal(const Network& network, int images = batch) {
  Worker worker;
  const Scorer scorer(
      {.scores = {"gradient_correlation", "gradient_drift", "feature_similarity", "signal_propagation"},
       .batch = images,
       .seed = seed});
  const ScoreRecord record = scorer.score(worker, network);
  return {record.values[0], record.values[1], record.values[2], record.values[3], record.status};
}

// The input, halved where it is negative.
Network built(const std::function<OpId(NetworkBuilder&, OpId)>& build, Shape input = {4, 8, 8}) {
  NetworkBuilder b(input, "built");
  const OpId x = b.activation(0, Activation::leaky_relu, "leaky", 0.5f);
  return std::move(b).finish(b.global_average_pool(build(b, x), "pool"));
}

OpId doubled(NetworkBuilder& b, OpId x, int times) {
  for (int i = 0; i < times; ++i) x = b.sum(x, x, "twice");
  return x;
}

}  // namespace

TEST_CASE("a batch norm right before global pooling lets gradients pass") {
  // What is the same for all images of the batch, it takes out: from the plain sum of the outputs nothing but
  // rounding errors would arrive behind it, 15 factors of e smaller.
  NetworkBuilder b({3, 8, 8}, "linear tail");
  OpId x = b.activation(test::conv_bn(b, 0, 16, 3), Activation::relu, "relu");
  b.mark_block(x, "stem");
  x = test::conv_bn(b, x, 16, 3);
  b.mark_block(x, "block");
  const OpId output = test::classifier(b, x, 10);
  const Network network = std::move(b).finish(output);
  Worker worker;
  const Scorer scorer({.scores = {"gradient_drift"}, .batch = 16, .seed = 1});
  const ScoreRecord record = scorer.score(worker, network);
  CHECK(record.status == "ok");
  CHECK(record.values[0] < 5);
}

TEST_CASE("signal propagation agrees with its definition on random networks of two kinds") {
  check_values(checks);
}

TEST_CASE("a linear network, worked out by hand") {
  // Block a is twice the input, block b the first of its four channels: |h_a| |g_a| / (|h_b| |g_b|) is |x|
  // over the norm of x's first channel.
  NetworkBuilder b({4, 8, 8}, "linear");
  const OpId a = b.sum(0, 0, "twice");
  b.mark_block(a, "a");
  const OpId first = b.add({.kind = OpKind::slice, .channels = 1}, {a}, "slice");
  b.mark_block(first, "b");
  const Signal found = signal(std::move(b).finish(b.global_average_pool(first, "pool")));

  const Values x = random_values(Purpose::input, {4, 8, 8}, batch);
  Values channel;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i / 64 % 4 == 0) channel.push_back(x[i]);
  const double similarity = mean(correlations(channel));
  const double drift = std::log(norm(x) / norm(channel));
  CHECK(found.correlation == doctest::Approx(1));  // the output reacts to all images alike
  CHECK(found.drift == doctest::Approx(drift));
  CHECK(found.similarity == doctest::Approx(similarity));
  CHECK(found.total == doctest::Approx(combined(1, drift, similarity)));
  CHECK(found.status == "ok");
}

TEST_CASE("rescaling a block's output moves nothing, over the whole range of floats") {
  const auto network = [](int up, int down) {
    return built(
        [&](NetworkBuilder& b, OpId x) {
          x = doubled(b, x, up);
          b.mark_block(x, "a");
          x = b.activation(x, Activation::relu, "relu");
          // The average of one pixel and its padding: a 49th.
          for (int i = 0; i < down; ++i) x = b.average_pool(x, Window::square(7), "average", true);
          b.mark_block(x, "b");
          return b.add({.kind = OpKind::resize, .resize_height = 2, .resize_width = 2}, {x}, "resize");
        },
        {4, 1, 1});
  };
  const Signal plain = signal(network(0, 0));
  CHECK(plain.status == "ok");
  CHECK(plain.drift > 0.001);
  // The squares of such features, or of such gradients, are no floats.
  for (const auto& [up, down] : {std::pair{1, 0}, {90, 0}, {0, 15}, {1, 15}}) {
    CAPTURE(up);
    CAPTURE(down);
    const Signal scaled = signal(network(up, down));
    CHECK(scaled.status == "ok");
    CHECK(scaled.correlation == doctest::Approx(plain.correlation));
    CHECK(scaled.drift == doctest::Approx(plain.drift));
    CHECK(scaled.similarity == doctest::Approx(plain.similarity));
  }
}

TEST_CASE("blocks that are another block's operator count once, and features need be no block") {
  enum class Marks { once, repeated, none_at_features };
  const auto network = [](Marks marks) {
    return built([&](NetworkBuilder& b, OpId x) {
      x = b.average_pool(x, Window::square(3), "average");
      b.mark_block(x, "a");
      x = b.max_pool(x, Window::square(3), "max");
      if (marks != Marks::none_at_features) b.mark_block(x, "b");
      if (marks == Marks::repeated) b.mark_block(x, "identity");
      return x;
    });
  };
  const Signal once = signal(network(Marks::once)), repeated = signal(network(Marks::repeated)),
               inside = signal(network(Marks::none_at_features));
  CHECK(once.drift > 0);
  CHECK(repeated.drift == once.drift);
  CHECK(repeated.total == once.total);
  CHECK(inside.drift == 0);  // one block: nothing to drift from
  CHECK(inside.correlation == once.correlation);
  CHECK(inside.similarity == once.similarity);
}

TEST_CASE("activation functions are not told apart, features with something in common are") {
  const auto through = [](Activation function) {
    return signal(built([&](NetworkBuilder& b, OpId x) { return b.activation(x, function, "activation"); }));
  };
  // Independent images have nothing in common, though the features behind a ReLU have a mean.
  CHECK(std::abs(through(Activation::relu).similarity) < 0.05);
  CHECK(std::abs(through(Activation::silu).similarity) < 0.05);

  // Channels with different means are what all images share; beyond an eighth that gains nothing.
  const Signal shared = signal(built([](NetworkBuilder& b, OpId x) {
    const OpId averages[] = {
        b.average_pool(doubled(b, x, 4), Window::square(3), "average"),
        b.average_pool(b.activation(x, Activation::h_sigmoid, "h"), Window::square(3), "average")};
    return b.concat(averages, "concat");
  }));
  CHECK(shared.similarity > 0.125);
  CHECK(shared.total == doctest::Approx(combined(shared.correlation, shared.drift, 0.125)));
}

TEST_CASE("no signal") {
  const auto parts = "constant_output: gradient_correlation gradient_drift feature_similarity";
  const Signal constant = signal(built([](NetworkBuilder& b, OpId x) { return b.zero(x, 4, 1, "none"); }));
  CHECK(constant.total == -20);
  CHECK(constant.status == parts);

  // Saturated everywhere: a constant in all but name.
  const Signal saturated = signal(built(
      [](NetworkBuilder& b, OpId x) { return b.activation(doubled(b, x, 60), Activation::tanh, "tanh"); }));
  CHECK(saturated.total == -20);
  CHECK(saturated.status == parts);

  // Blocks on a branch that is dead, beside one that is not.
  const Signal branch = signal(built([](NetworkBuilder& b, OpId x) {
    OpId dead = doubled(b, x, 60);
    b.mark_block(dead, "a");
    dead = b.average_pool(dead, Window::square(3), "average");
    b.mark_block(dead, "b");
    const OpId sum = b.sum(x, b.activation(dead, Activation::tanh, "tanh"), "sum");
    b.mark_block(sum, "c");
    return sum;
  }));
  CHECK(branch.total == -20);
  CHECK(branch.status == "not_finite: gradient_drift");
  CHECK(std::isfinite(branch.correlation));
}

TEST_CASE("one pixel and one channel") {
  for (const Shape input : {Shape{1, 1, 1}, Shape{1, 5, 5}, Shape{7, 1, 1}}) {
    CAPTURE(input.channels);
    const Signal found = signal(built([](NetworkBuilder&, OpId x) { return x; }, input), 2);
    CHECK(found.status == "ok");
    CHECK(found.drift == 0);
    CHECK(found.total == doctest::Approx(combined(found.correlation, found.drift, found.similarity)));
  }
  // One number an image: nothing by which two of them could differ.
  const Signal point = signal(built([](NetworkBuilder&, OpId x) { return x; }, {1, 1, 1}), 2);
  CHECK(point.correlation == 1);
  CHECK(std::abs(point.similarity) == doctest::Approx(1));
}

TEST_CASE("an overflow is no value") {
  const Signal overflow = signal(built([](NetworkBuilder& b, OpId x) { return doubled(b, x, 140); }));
  CHECK(std::isnan(overflow.total));
  CHECK(overflow.status ==
        "not_finite: gradient_correlation gradient_drift feature_similarity signal_propagation");
}
