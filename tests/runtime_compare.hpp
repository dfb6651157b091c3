// Runs a network in the runtime and in the plain reference with the same numbers and compares everything that
// comes out.
#pragma once

#include "assay/base/random.hpp"

#include "runtime_reference.hpp"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace assay::test {

inline std::vector<float> random_floats(std::int64_t count, std::uint64_t seed, float mean = 0,
                                        float deviation = 1) {
  std::vector<float> result(static_cast<std::size_t>(count));
  Random(seed, Purpose::noise).fill_normal(result, mean, deviation);
  return result;
}

template <class Range>
Doubles widened(const Range& floats) {
  return {floats.begin(), floats.end()};
}

// Largest difference, relative to `scale` or the largest expected value, whichever is larger.
template <class Range>
double difference(const Range& actual, const Doubles& expected, double scale = 0.01) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(actual[i]) - expected[i]));
    if (!std::isfinite(actual[i])) worst = INFINITY;
    scale = std::max(scale, std::abs(expected[i]));
  }
  return worst / scale;
}

// Random parameters that keep activations of order one: batch norms get scales around 1 and odd shifts and
// statistics.
inline void fill_parameters(Executable& executable, Reference* reference, std::uint64_t seed) {
  const auto parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    std::int64_t fan_in = 1;
    for (std::size_t d = 1; d < p.dims.size(); ++d) fan_in *= p.dims[d];
    std::vector<float> plain = random_floats(p.elements(), seed * 1000 + i);
    for (float& v : plain) {
      if (p.role == ParameterRole::weight)
        v *= static_cast<float>(std::sqrt(1.5 / static_cast<double>(fan_in)));
      if (p.role == ParameterRole::scale) v = 1.0f + 0.3f * v;
      if (p.role == ParameterRole::bias || p.role == ParameterRole::shift) v *= 0.3f;
      if (p.role == ParameterRole::running_mean) v *= 0.2f;
      if (p.role == ParameterRole::running_variance) v = 0.5f + v * v;
    }
    executable.set_parameter(i, plain);
    if (reference != nullptr) reference->parameters[{p.op, p.role}] = widened(plain);
  }
}

struct Tolerance {
  double forward = 2e-5, backward = 1e-4;
};

// Forward and, where `options` asks for it, backward; `what` is named in failures.
inline void compare_with_reference(Worker& worker, const Network& network, CompileOptions options,
                                   const std::string& what, std::uint64_t seed,
                                   const Tolerance& tolerance = {}) {
  CAPTURE(what);
  CAPTURE(seed);
  Executable executable(worker, network, options);
  Reference reference(network, options.batch, options.batch_norm);
  fill_parameters(executable, &reference, seed);
  const std::vector<float> input = random_floats(options.batch * network.input_shape().elements(), seed + 17);
  std::copy(input.begin(), input.end(), executable.input().begin());

  std::vector<OpId> seen;
  executable.forward([&](OpId op, TensorView& view) {
    seen.push_back(op);
    std::vector<float> plain(static_cast<std::size_t>(view.elements()));
    view.copy_to(plain);
    const Shape shape = network.shape(op);
    CHECK(view.channels == shape.channels);
    CHECK(view.height == shape.height);
    CHECK(view.width == shape.width);
    if (reference.values[0].empty()) reference.forward(widened(input));
    CAPTURE(network.name(op));
    CHECK(difference(plain, reference.values[static_cast<std::size_t>(op)]) < tolerance.forward);
  });
  CHECK(seen.size() == options.forward_taps.size());
  reference.forward(widened(input));
  CHECK(difference(executable.output(), reference.values[static_cast<std::size_t>(network.output())]) <
        tolerance.forward);

  const bool backward = options.backward || options.input_gradient || options.weight_gradients;
  if (!backward) return;
  const std::vector<float> output_gradient =
      random_floats(options.batch * network.output_shape().elements(), seed + 31);
  reference.backward(widened(output_gradient));
  for (int repetition = 0; repetition < 2; ++repetition) {  // backward may be repeated after one forward
    seen.clear();
    executable.backward(output_gradient, [&](OpId op, TensorView& view) {
      seen.push_back(op);
      std::vector<float> plain(static_cast<std::size_t>(view.elements()));
      view.copy_to(plain);
      CAPTURE(network.name(op));
      CHECK(difference(plain, reference.gradients[static_cast<std::size_t>(op)]) < tolerance.backward);
    });
    CHECK(seen.size() == options.gradient_taps.size());
    if (options.input_gradient) {
      CHECK(difference(executable.input_gradient(), reference.gradients[0]) < tolerance.backward);
    }
  }
  if (!options.weight_gradients) return;
  const auto parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (p.gradient.empty()) continue;
    CAPTURE(network.name(p.op));
    CAPTURE(static_cast<int>(p.role));
    std::vector<float> plain(static_cast<std::size_t>(p.elements()));
    executable.get_gradient(i, plain);
    // Nothing but zeros pads it as it is stored.
    const auto magnitude = [](double sum, float x) { return sum + std::abs(static_cast<double>(x)); };
    CHECK(std::accumulate(p.gradient.begin(), p.gradient.end(), 0.0, magnitude) ==
          doctest::Approx(std::accumulate(plain.begin(), plain.end(), 0.0, magnitude)).epsilon(1e-9));
    const Doubles& expected = reference.parameter_gradients[{p.op, p.role}];
    // A gradient that is a sum of cancelling terms (a bias before batch norm) is only as exact as its terms.
    const Doubles& magnitudes = reference.gradient_magnitudes[{p.op, p.role}];
    const double scale = *std::max_element(magnitudes.begin(), magnitudes.end());
    CHECK(difference(plain, expected, std::max(scale, 1e-3)) < tolerance.backward);
  }
}

inline CompileOptions everything(int batch, BatchNormMode mode = BatchNormMode::batch_statistics) {
  CompileOptions options;
  options.batch = batch;
  options.batch_norm = mode;
  options.backward = options.input_gradient = options.weight_gradients = true;
  return options;
}

}  // namespace assay::test
