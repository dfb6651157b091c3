// What lives around a run: parameters, initialisation, memory, workers, mistakes.
#include "assay/base/error.hpp"

#include "runtime_networks.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace assay::test {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

}  // namespace

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
    const Network other = cells(17 + static_cast<int>(index));
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
