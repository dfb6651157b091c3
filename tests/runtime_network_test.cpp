// Whole networks: random graphs against the plain reference, taps, fusion, folding, initialisation, workers.
#include "assay/base/error.hpp"
#include "assay/network/builder.hpp"

#include "runtime_compare.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace assay::test {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

// Adds random operators, each reading random earlier ones, and joins what nobody reads into one output.
class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed) : random_(seed, Purpose::sample), b_(input_shape()) {}

  Network make() {
    const int count = 3 + below(14);
    for (int i = 0; i < count; ++i) add_one();
    std::vector<OpId> ends;
    std::vector<bool> read(static_cast<std::size_t>(b_.size()));
    for (const OpId id : read_) read[static_cast<std::size_t>(id)] = true;
    for (OpId id = 0; id < static_cast<OpId>(read.size()); ++id) {
      if (read[static_cast<std::size_t>(id)]) continue;
      if (below(8) == 0 && !ends.empty()) continue;  // a dead branch
      ends.push_back(b_.global_average_pool(id, "end"));
    }
    const OpId all = b_.concat(ends, "ends");
    return std::move(b_).finish(b_.linear(all, 5, "fc"));
  }

 private:
  int below(int bound) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound))); }
  template <class T>
  T pick(std::initializer_list<T> options) {
    return options.begin()[below(static_cast<int>(options.size()))];
  }
  Shape input_shape() { return {pick({1, 3, 8, 17}), pick({5, 8, 12}), pick({6, 8})}; }

  // Recent operators are likelier, so that chains with something to fuse appear.
  OpId any() {
    const OpId id = below(3) > 0 ? b_.size() - 1 : below(b_.size());
    read_.push_back(id);
    return id;
  }
  OpId like(OpId x) {
    std::vector<OpId> same;
    for (OpId id = 0; id < b_.size(); ++id) {
      if (b_.shape(id) == b_.shape(x)) same.push_back(id);
    }
    const OpId id = same[static_cast<std::size_t>(below(static_cast<int>(same.size())))];
    read_.push_back(id);
    return id;
  }
  Window window(OpId x) {
    const Shape s = b_.shape(x);
    const int kernel = std::min(s.height, s.width) < 3 ? 1 : pick({1, 3, 3, 5});
    return Window::square(kernel, pick({1, 1, 2}));
  }

  void add_one() {
    const OpId x = any();
    const Shape s = b_.shape(x);
    switch (below(16)) {
      case 0:
      case 1:
        b_.convolution(x, pick({8, 16, 17, 24}), window(x), "conv", 1, below(2) == 0);
        break;
      case 2:
        b_.convolution(x, s.channels, window(x), "dw", s.channels, below(2) == 0);
        break;
      case 3:
      case 4:
      case 5:
        // A large epsilon, because batch norm of a constant channel amplifies rounding errors by 1 /
        // sqrt(epsilon).
        b_.add({.kind = OpKind::batch_norm, .parameter = 0.1f}, {x}, "bn");
        break;
      case 6:
      case 7:
      case 8:
        b_.activation(x, static_cast<Activation>(below(9)), "act", 0.1f);
        break;
      case 9:
      case 10: {
        std::vector<OpId> inputs{x};
        for (int i = below(3); i >= 0; --i) inputs.push_back(like(x));
        b_.sum(inputs, "sum");
        break;
      }
      case 11:
        if (below(2) == 0) {
          b_.multiply(x, like(x), "product");
        } else {
          b_.multiply(x, b_.global_average_pool(x, "squeeze"), "gated");
        }
        break;
      case 12:
        if (below(2) == 0) {
          b_.max_pool(x, window(x), "max");
        } else {
          b_.average_pool(x, window(x), "avg", below(2) == 0);
        }
        break;
      case 13: {
        const std::vector<OpId> inputs{x, like(x)};
        b_.concat(inputs, "concat");
        break;
      }
      case 14:
        if (below(2) == 0) {
          b_.zero(x, s.channels, 1, "none");
        } else if (s.channels > 1) {
          b_.add(
              {.kind = OpKind::slice, .channels = s.channels / 2, .slice_begin = below(s.channels / 2 + 1)},
              {x}, "slice");
        }
        break;
      default:
        if (s.elements() < 600 && below(2) == 0) {
          b_.add({.kind = OpKind::flatten}, {x}, "flatten");
        } else {
          b_.add({.kind = OpKind::resize,
                  .resize_mode = pick({ResizeMode::nearest, ResizeMode::bilinear}),
                  .resize_height = pick({4, 7}),
                  .resize_width = pick({5, 9})},
                 {x}, "resize");
        }
    }
  }

  Random random_;
  NetworkBuilder b_;
  std::vector<OpId> read_;
};

std::vector<OpId> some_operators(const Network& network, std::uint64_t seed, int one_in) {
  Random random(seed, Purpose::select);
  std::vector<OpId> result;
  for (OpId id = 0; id < network.size(); ++id) {
    if (random.below(static_cast<std::uint64_t>(one_in)) == 0) result.push_back(id);
  }
  return result;
}

// A small cell network with everything that fuses.
Network cells(int channels = 16) {
  NetworkBuilder b({3, 12, 12});
  OpId x = b.batch_norm(b.convolution(0, channels, Window::square(3), "stem"), "bn");
  for (int i = 0; i < 2; ++i) {
    const auto edge = [&](OpId from, int kernel) {
      const OpId r = b.activation(from, Activation::relu, "relu");
      return b.batch_norm(b.convolution(r, channels, Window::square(kernel), "conv"), "bn");
    };
    const OpId a = edge(x, 3);
    const std::vector<OpId> second{edge(x, 1), edge(a, 3)};
    const OpId c = b.sum(second, "b");
    const std::vector<OpId> third{x, b.average_pool(a, Window::square(3), "pool"), edge(c, 3)};
    x = b.sum(third, "c");
    const OpId gate = b.activation(b.global_average_pool(x, "squeeze"), Activation::h_sigmoid, "gate");
    x = b.activation(b.sum(b.multiply(x, gate, "se"), c, "d"), Activation::relu, "relu");
    b.mark_block(x, fmt::format("cell{}", i));
  }
  OpId y = b.convolution(x, 24, Window::square(3, 2), "conv", 1, true);
  y = b.activation(y, Activation::relu, "relu");
  return std::move(b).finish(b.linear(b.global_average_pool(y, "gap"), 10, "fc"));
}

std::vector<float> run(Executable& executable, std::uint64_t seed) {
  const std::vector<float> input = random_floats(static_cast<std::int64_t>(executable.input().size()), seed);
  std::copy(input.begin(), input.end(), executable.input().begin());
  executable.forward();
  return {executable.output().begin(), executable.output().end()};
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::vector<OpId> all_operators(const Network& network) {
  std::vector<OpId> result;
  for (OpId id = 0; id < network.size(); ++id) result.push_back(id);
  return result;
}

}  // namespace

TEST_CASE("random networks, forward and backward, under every kind of request") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const Network network = RandomNetwork(seed).make();
    Random random(seed, Purpose::select, 1);
    const auto mode =
        random.below(3) == 0 ? BatchNormMode::running_statistics : BatchNormMode::batch_statistics;
    CompileOptions options = everything(1 + static_cast<int>(random.below(6)), mode);
    if (options.batch == 1) options.batch = 4;  // a variance over one value says nothing about correctness
    // Down to one image at a time.
    if (random.below(2) == 0) options.cache_bytes = 1 << (8 + random.below(8));
    switch (random.below(5)) {
      case 0:
        break;
      case 1:
        options.weight_gradients = false;
        break;
      case 2:
        options.forward_taps = some_operators(network, seed, 3);
        options.gradient_taps = some_operators(network, seed + 1, 3);
        break;
      case 3:
        options.backward = options.input_gradient = options.weight_gradients = false;
        options.forward_taps = some_operators(network, seed, 6);
        break;
      default:
        options.backward = options.input_gradient = options.weight_gradients = false;
        options.batch_norm = BatchNormMode::running_statistics;
        options.fold_batch_norm = true;
    }
    compare_with_reference(worker(), network, options, "random network", seed, {1e-4, 2e-3});
  }
}

TEST_CASE("values do not depend on what is fused") {
  const Network network = cells(24);
  CompileOptions options = everything(4);
  Executable fused(worker(), network, options);
  options.forward_taps = options.gradient_taps = all_operators(network);
  Executable tapped(worker(), network, options);
  for (Executable* e : {&fused, &tapped}) fill_parameters(*e, nullptr, 3);
  CHECK(difference(run(fused, 9), widened(run(tapped, 9))) < 1e-5);
  const std::vector<float> gradient = random_floats(4 * 10, 1);
  fused.backward(gradient);
  tapped.backward(gradient);
  CHECK(difference(fused.input_gradient(), widened(tapped.input_gradient())) < 1e-4);
  CHECK(fused.arena_bytes() < tapped.arena_bytes());
}

TEST_CASE("values do not depend on how many images are in flight") {
  const Network network = cells(24);
  CompileOptions options = everything(12);
  std::vector<std::unique_ptr<Executable>> executables;
  for (const int kib : {1, 64, 256, 1 << 16}) {
    options.cache_bytes = std::int64_t{kib} << 10;
    executables.push_back(std::make_unique<Executable>(worker(), network, options));
    fill_parameters(*executables.back(), nullptr, 3);
    run(*executables.back(), 9);
    executables.back()->backward(random_floats(12 * 10, 1));
    CHECK(difference(executables.back()->output(), widened(executables[0]->output())) < 1e-5);
    CHECK(difference(executables.back()->input_gradient(), widened(executables[0]->input_gradient())) < 1e-4);
  }
  CHECK(executables[0]->arena_bytes() < executables[3]->arena_bytes());
}

TEST_CASE("taps come in order, once each, and see every request") {
  const Network network = cells();
  CompileOptions options;
  options.batch = 2;
  options.forward_taps = options.gradient_taps = {network.blocks()[1].output, network.blocks()[0].output, 0};
  compare_with_reference(worker(), network, options, "taps", 1);
  Executable executable(worker(), network, options);
  fill_parameters(executable, nullptr, 1);
  std::vector<OpId> order;
  const auto note = [&](OpId op, TensorView&) { order.push_back(op); };
  executable.forward(note);
  CHECK(order == std::vector<OpId>{0, network.blocks()[0].output, network.blocks()[1].output});
  order.clear();
  executable.backward(random_floats(2 * 10, 1), note);
  CHECK(order == std::vector<OpId>{network.blocks()[1].output, network.blocks()[0].output, 0});
}

TEST_CASE("what a gradient tap leaves is what flows on, and only there") {
  // y = p + q with p = tanh x, q = silu x: overwriting the gradient of p must leave that of q and of y alone.
  NetworkBuilder b({17, 4, 4});
  const OpId p = b.activation(0, Activation::tanh, "p");
  const OpId q = b.activation(0, Activation::silu, "q");
  const OpId y = b.sum(p, q, "y");
  const OpId twice = b.sum(y, p, "twice");
  const Network network = std::move(b).finish(twice);
  CompileOptions options;
  options.batch = 2;
  options.input_gradient = true;
  options.gradient_taps = {p, q, y};
  Executable executable(worker(), network, options);
  Reference reference(network, 2, options.batch_norm);
  const std::vector<float> input = random_floats(2 * 17 * 16, 1), gradient = random_floats(2 * 17 * 16, 2);
  std::copy(input.begin(), input.end(), executable.input().begin());
  reference.forward(widened(input));
  reference.backward(widened(gradient));
  executable.forward();
  executable.backward(gradient, [&](OpId op, TensorView& view) {
    std::vector<float> plain(static_cast<std::size_t>(view.elements()));
    view.copy_to(plain);
    CHECK(difference(plain, reference.gradients[static_cast<std::size_t>(op)]) < 1e-6);
    if (op != p) return;
    for (float& v : plain) v = 3.0f;
    view.copy_from(plain);
  });
  Doubles expected(input.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double x = static_cast<double>(input[i]);
    expected[i] = 3.0 * slope(Activation::tanh, x, 0) +
                  static_cast<double>(gradient[i]) * slope(Activation::silu, x, 0);
  }
  CHECK(difference(executable.input_gradient(), expected) < 1e-5);
}

TEST_CASE("an operator that does not reach the output has a zero gradient, not stale memory") {
  NetworkBuilder b({16, 4, 4});
  const OpId aside = b.convolution(0, 16, Window::square(3), "aside");
  const OpId y = b.activation(0, Activation::tanh, "y");
  const Network network = std::move(b).finish(y);
  CompileOptions options;
  options.forward_taps = options.gradient_taps = {aside};
  options.weight_gradients = true;
  compare_with_reference(worker(), network, options, "aside", 1);
}

TEST_CASE("folded batch norm computes the same function") {
  const Network network = cells(24);
  CompileOptions options;
  options.batch = 3;
  options.batch_norm = BatchNormMode::running_statistics;
  compare_with_reference(worker(), network, options, "unfolded", 5);
  options.fold_batch_norm = true;
  compare_with_reference(worker(), network, options, "folded", 5);

  SUBCASE("also after its parameters were written in place") {
    Executable executable(worker(), network, options);
    fill_parameters(executable, nullptr, 5);
    const std::vector<float> before = run(executable, 1);
    for (const Parameter& p : executable.parameters()) {
      if (p.role == ParameterRole::shift) std::fill(p.value.begin(), p.value.begin() + p.elements(), 2.0f);
    }
    CHECK_FALSE(same_bits(before, run(executable, 1)));
  }
}

TEST_CASE("running statistics follow the batch as in PyTorch") {
  const Network network = cells(17);
  const int batch = 4;
  CompileOptions options;
  options.batch = batch;
  Executable training(worker(), network, options);
  options.batch_norm = BatchNormMode::running_statistics;
  Executable evaluation(worker(), network, options);
  fill_parameters(training, nullptr, 13);
  Reference reference(network, batch, BatchNormMode::batch_statistics);
  fill_parameters(evaluation, &reference, 13);
  const std::vector<float> by_batch = run(training, 21);
  reference.forward(widened(random_floats(batch * network.input_shape().elements(), 21)));

  SUBCASE("one blended update") {
    training.update_running_statistics(0.1f);
    const auto parameters = training.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Parameter& p = parameters[i];
      if (p.role != ParameterRole::running_mean && p.role != ParameterRole::running_variance) continue;
      const auto& [mean, variance] = reference.statistics[p.op];
      const double values =
          static_cast<double>(batch) * network.shape(p.op).height * network.shape(p.op).width;
      Doubles expected = reference.parameters[{p.op, p.role}];
      for (std::size_t c = 0; c < expected.size(); ++c) {
        const double seen =
            p.role == ParameterRole::running_mean ? mean[c] : variance[c] * values / (values - 1);
        expected[c] = 0.9 * expected[c] + 0.1 * seen;
      }
      std::vector<float> actual(expected.size());
      training.get_parameter(i, actual);
      CHECK(difference(actual, expected) < 1e-5);
    }
  }
  SUBCASE("after an update with momentum 1 evaluation sees the batch's own statistics") {
    training.update_running_statistics(1.0f);
    const auto parameters = training.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      std::vector<float> plain(static_cast<std::size_t>(parameters[i].elements()));
      training.get_parameter(i, plain);
      evaluation.set_parameter(i, plain);
    }
    // All but the factor n / (n - 1) of the unbiased variance.
    CHECK(difference(run(evaluation, 21), widened(by_batch)) < 0.05);
  }
}

TEST_CASE("parameters go in and come out unchanged, and their padding is zero") {
  const Network network = cells(17);
  CompileOptions options;
  options.weight_gradients = true;
  Executable executable(worker(), network, options);
  const auto parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const std::vector<float> written = random_floats(p.elements(), i, 5.0f);
    std::vector<float> read(written.size());
    executable.set_parameter(i, written);
    executable.get_parameter(i, read);
    CHECK(same_bits(written, read));
    std::vector<float> stored(p.value.begin(), p.value.end());
    std::erase(stored, 0.0f);
    CHECK(stored.size() == written.size());
  }
}

TEST_CASE("initialisations have the deviation of their name") {
  NetworkBuilder b({8, 12, 12});
  OpId x = b.convolution(0, 48, Window::square(3), "conv", 2, true);
  x = b.batch_norm(x, "bn");
  const Network network = std::move(b).finish(b.linear(b.global_average_pool(x, "gap"), 300, "fc"));
  // Weights of conv {48, 4, 3, 3}: fan in 36, fan out 432. Of fc {300, 48}: 48 and 300.
  const std::vector<std::tuple<Initialisation, double, double, double>> cases{
      {Initialisation::kaiming_normal_fan_in, std::sqrt(2.0 / 36), std::sqrt(2.0 / 48), 0},
      {Initialisation::kaiming_normal_fan_out, std::sqrt(2.0 / 432), std::sqrt(2.0 / 300), 0},
      {Initialisation::pytorch_default, 1 / std::sqrt(36.0 * 3), 1 / std::sqrt(48.0 * 3),
       1 / std::sqrt(48.0 * 3)},
      {Initialisation::standard_normal, 1, 1, 0}};
  for (const auto& [initialisation, conv, fc, fc_bias] : cases) {
    CHECK(initialisation_from(to_string(initialisation)) == initialisation);
    Executable executable(worker(), network, {});
    executable.initialise(initialisation, 1, 2);
    const auto parameters = executable.parameters();
    const auto deviation = [&](std::size_t index) {
      std::vector<float> plain(static_cast<std::size_t>(parameters[index].elements()));
      executable.get_parameter(index, plain);
      double sum = 0, square = 0;
      for (const float v : plain) {
        sum += static_cast<double>(v);
        square += static_cast<double>(v) * static_cast<double>(v);
      }
      const double n = static_cast<double>(plain.size());
      CHECK(std::abs(sum / n) <= 5 * std::sqrt(square / n / n) +
                                     1.1 * (parameters[index].role == ParameterRole::scale ||
                                            parameters[index].role == ParameterRole::running_variance));
      return std::sqrt(square / n);
    };
    REQUIRE(parameters.size() == 8);
    CHECK(deviation(0) == doctest::Approx(conv).epsilon(0.1));
    CHECK(deviation(2) == 1);  // scale
    CHECK(deviation(3) == 0);  // shift
    CHECK(deviation(4) == 0);  // running mean
    CHECK(deviation(5) == 1);  // running variance
    CHECK(deviation(6) == doctest::Approx(fc).epsilon(0.05));
    CHECK(deviation(7) == doctest::Approx(fc_bias).epsilon(0.15));
  }
  CHECK_FALSE(initialisation_from("kaiming"));
}

TEST_CASE("random weights depend on seed, fingerprint and position alone") {
  const Network network = cells();
  CompileOptions other;
  other.batch = 8;
  other.weight_gradients = true;
  Executable a(worker(), network, {}), b(worker(), network, other);
  a.initialise(Initialisation::kaiming_normal_fan_in, 1, 2);
  b.initialise(Initialisation::kaiming_normal_fan_in, 1, 2);
  std::vector<float> first(16 * 3 * 9), second(first.size());
  a.get_parameter(0, first);
  b.get_parameter(0, second);
  CHECK(same_bits(first, second));
  std::vector<float> expected(first.size());
  Random(1, Purpose::weights, 2, 0).fill_normal(expected, 0, static_cast<float>(std::sqrt(2.0 / 27)));
  CHECK(same_bits(first, expected));
  b.initialise(Initialisation::kaiming_normal_fan_in, 1, 3);
  b.get_parameter(0, second);
  CHECK_FALSE(same_bits(first, second));
}

TEST_CASE("the same bits from every worker, and from memory that others have used") {
  const Network network = cells(24);
  const auto job = [&](Worker& w, std::vector<float>& result) {
    Executable executable(w, network, everything(8));
    executable.initialise(Initialisation::kaiming_normal_fan_in, 5, 6);
    result = run(executable, 77);
    executable.backward(random_floats(8 * 10, 78));
    result.insert(result.end(), executable.input_gradient().begin(), executable.input_gradient().end());
    for (const Parameter& p : executable.parameters())
      result.insert(result.end(), p.gradient.begin(), p.gradient.end());
  };
  std::vector<float> expected;
  job(worker(), expected);
  std::vector<std::vector<float>> results(12);
  WorkerPool pool(2);
  CHECK(pool.size() == 2);
  pool.run(12, [&](Worker& w, std::int64_t index) {
    // Leave something else in the worker's buffers in between.
    const Network other = RandomNetwork(static_cast<std::uint64_t>(index) + 1000).make();
    Executable disturb(w, other, everything(4));
    fill_parameters(disturb, nullptr, 1);
    disturb.forward();
    job(w, results[static_cast<std::size_t>(index)]);
  });
  for (const auto& result : results) CHECK(same_bits(result, expected));
}

TEST_CASE("several executables live on one worker") {
  const Network network = cells();
  Executable a(worker(), network, everything(2));
  Executable b(worker(), network, everything(3));
  fill_parameters(a, nullptr, 1);
  fill_parameters(b, nullptr, 2);
  const std::vector<float> alone = run(a, 1);
  run(b, 2);
  Executable moved = std::move(a);
  CHECK(same_bits(run(moved, 1), alone));
}

TEST_CASE("overflow flows through as infinity and NaN") {
  for (const Activation function :
       {Activation::relu, Activation::relu6, Activation::h_swish, Activation::silu}) {
    NetworkBuilder b({16, 6, 6});
    OpId x = 0;
    for (int i = 0; i < 12; ++i) {
      x = b.convolution(x, 16, Window::square(3), "conv");
      if (i > 4) x = b.activation(x, function, "act");
    }
    const Network network = std::move(b).finish(b.linear(b.global_average_pool(x, "gap"), 4, "fc"));
    for (const bool backward : {false, true}) {
      CompileOptions options;
      options.batch = 2;
      options.weight_gradients = backward;
      Executable executable(worker(), network, options);
      const auto parameters = executable.parameters();
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        std::vector<float> weights = random_floats(parameters[i].elements(), i, 0, 1e9f);
        executable.set_parameter(i, weights);
      }
      const std::vector<float> output = run(executable, 3);
      CAPTURE(to_string(function));
      CHECK_FALSE(std::isfinite(output[0] + output[1] + output[2] + output[3]));
      if (backward) executable.backward(random_floats(2 * 4, 1));
    }
  }
}

TEST_CASE("the arena is reused: a chain needs two tensors, not one per operator") {
  NetworkBuilder b({16, 16, 16});
  OpId x = 0;
  for (int i = 0; i < 20; ++i) x = b.convolution(x, 16, Window::square(3), "conv");
  const Network network = std::move(b).finish(b.global_average_pool(x, "gap"));
  CompileOptions options;
  options.batch = 64;
  Executable executable(worker(), network, options);
  const std::int64_t tensor = std::int64_t{64} * 16 * 16 * 16 * 4;
  CHECK(executable.arena_bytes() < 2.2 * static_cast<double>(tensor));
  CHECK(executable.parameter_bytes() >= 20 * 16 * 16 * 9 * 4);
}

TEST_CASE("mistakes are named") {
  NetworkBuilder b({3, 4, 4});
  const OpId y = b.convolution(0, 8, Window::square(3), "conv");
  const Network network = std::move(b).finish(y);
  CHECK_THROWS_AS(Executable(worker(), network, {.batch = 0}), InputError);
  CompileOptions options;
  options.forward_taps = {17};
  CHECK_THROWS_AS(Executable(worker(), network, options), InternalError);
  Executable executable(worker(), network, {});
  CHECK_THROWS_AS(executable.backward(random_floats(8 * 16, 1)), InternalError);
  CHECK_THROWS_AS(executable.input_gradient(), InternalError);
  CHECK_THROWS_AS(executable.set_parameter(0, random_floats(3, 1)), InternalError);
}

TEST_CASE("a worker pool runs every index once and rethrows the failure of the lowest index") {
  WorkerPool pool(3);
  std::vector<std::atomic<int>> visits(100);
  pool.run(100, [&](Worker&, std::int64_t index) { ++visits[static_cast<std::size_t>(index)]; });
  CHECK(std::all_of(visits.begin(), visits.end(), [](const std::atomic<int>& v) { return v == 1; }));
  pool.run(0, [](Worker&, std::int64_t) { FAIL("no index to run"); });
  for (int repetition = 0; repetition < 20; ++repetition) {
    std::string message;
    try {
      pool.run(100, [](Worker&, std::int64_t index) {
        if (index == 7) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (index >= 7) throw std::runtime_error(std::to_string(index));
      });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "7");
  }
  std::atomic<int> after = 0;
  pool.run(5, [&](Worker&, std::int64_t) { ++after; });
  CHECK(after == 5);
}

TEST_CASE("the description names the library") {
  CHECK(runtime_description().find("oneDNN") == 0);
}

}  // namespace assay::test
