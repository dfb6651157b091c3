// Whole networks: fusion, images in flight, taps, folding, statistics, overflow.
#include "runtime_networks.hpp"

#include <algorithm>
#include <map>
#include <memory>

namespace assay::test {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

std::vector<OpId> all_operators(const Network& network) {
  std::vector<OpId> result;
  for (OpId id = 0; id < network.size(); ++id) result.push_back(id);
  return result;
}

}  // namespace

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

TEST_CASE("taps see the same piece by piece, and what they leave flows on") {
  const Network network = cells(24);
  CompileOptions options = everything(6);
  options.forward_taps = options.gradient_taps = all_operators(network);
  options.cache_bytes = std::int64_t{1} << 16;  // so that there are several pieces
  struct Seen {
    std::map<std::pair<bool, OpId>, std::vector<float>> tensors;  // backward?, operator
    int calls = 0;
  };
  const auto look = [&](bool pieces) {
    options.piecewise_taps = pieces;
    Executable executable(worker(), network, options);
    fill_parameters(executable, nullptr, 3);
    const std::vector<float> input = random_floats(static_cast<std::int64_t>(executable.input().size()), 9);
    std::ranges::copy(input, executable.input().begin());
    Seen seen;
    const auto note = [&](bool backward, OpId op, TensorView& view) {
      std::vector<float>& tensor = seen.tensors[{backward, op}];
      const auto size = static_cast<std::size_t>(view.elements());
      CHECK(tensor.size() ==
            size / static_cast<std::size_t>(view.batch) * static_cast<std::size_t>(view.first_image));
      tensor.resize(tensor.size() + size);
      view.copy_to(std::span(tensor).last(size));
      if (backward)
        for (std::int64_t i = 0; i < view.stored(); ++i) view.data[i] *= 1.5f;
      ++seen.calls;
    };
    executable.forward([&](OpId op, TensorView& view) { note(false, op, view); });
    executable.backward(random_floats(6 * 10, 1), [&](OpId op, TensorView& view) { note(true, op, view); });
    seen.tensors[{true, -1}].assign(executable.input_gradient().begin(), executable.input_gradient().end());
    return seen;
  };
  const Seen whole = look(false), pieces = look(true);
  CHECK(pieces.calls > whole.calls);
  REQUIRE(pieces.tensors.size() == whole.tensors.size());
  for (const auto& [key, tensor] : whole.tensors) {
    CAPTURE(key.first);
    CAPTURE(key.second);
    CHECK(difference(pieces.tensors.at(key), widened(tensor)) < 1e-4);
  }
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
  options.inference = true;
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

}  // namespace assay::test
