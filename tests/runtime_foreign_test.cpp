// A whole network of the operators that networks of others hold: every kind of request, taps, memory, and
// weights in and out.
#include "assay/base/error.hpp"
#include "assay/network/weights.hpp"

#include "foreign_network.hpp"
#include "runtime_operators.hpp"

#include <map>

namespace assay::test {

namespace {

std::vector<OpId> all_operators(const Network& network) {
  std::vector<OpId> ops;
  for (OpId id = 0; id < network.size(); ++id) ops.push_back(id);
  return ops;
}

std::vector<float> run(Executable& executable) {
  const std::vector<float> input = random_floats(static_cast<std::int64_t>(executable.input().size()), 5);
  std::copy(input.begin(), input.end(), executable.input().begin());
  executable.forward();
  return {executable.output().begin(), executable.output().end()};
}

}  // namespace

TEST_CASE("a foreign network, forward and backward, under every kind of request") {
  const Network network = foreign_network();
  for (const std::int64_t cache : {std::int64_t{1} << 10, std::int64_t{1} << 19}) {
    for (const BatchNormMode mode : {BatchNormMode::batch_statistics, BatchNormMode::running_statistics}) {
      CompileOptions options = everything(4, mode);
      options.cache_bytes = cache;
      compare_with_reference(worker(), network, options, "all gradients", 3, {5e-5, 5e-4});
      options.forward_taps = options.gradient_taps = all_operators(network);
      compare_with_reference(worker(), network, options, "all taps", 4, {5e-5, 5e-4});
      CompileOptions forward;
      forward.batch = 3;
      forward.batch_norm = mode;
      forward.cache_bytes = cache;
      compare_with_reference(worker(), network, forward, "forward only", 5, {5e-5, 0});
    }
    CompileOptions inference;
    inference.batch = 2;
    inference.batch_norm = BatchNormMode::running_statistics;
    inference.inference = true;
    inference.cache_bytes = cache;
    compare_with_reference(worker(), network, inference, "inference", 6, {5e-5, 0});
  }
}

TEST_CASE("taps of a foreign network see the same piece by piece, with nothing in the padding") {
  const Network network = foreign_network();
  using Seen = std::map<OpId, std::vector<float>>;
  const auto seen = [&](bool pieces) {
    CompileOptions options;
    options.batch = 4;
    options.cache_bytes = 1 << 12;
    options.forward_taps = options.gradient_taps = all_operators(network);
    options.piecewise_taps = pieces;
    Executable executable(worker(), network, options);
    executable.initialise(Initialisation::pytorch_default, 1, 2);
    Seen values, gradients;
    const auto note = [](Seen& into, OpId op, const TensorView& view) {
      std::vector<float> plain(static_cast<std::size_t>(view.elements()));
      view.copy_to(plain);
      into[op].insert(into[op].end(), plain.begin(), plain.end());
      double padding = 0;
      for (std::int64_t i = 0; i < view.stored(); ++i) padding += std::abs(static_cast<double>(view.data[i]));
      for (const float v : plain) padding -= std::abs(static_cast<double>(v));
      CHECK(std::abs(padding) < 1e-6);
    };
    const std::vector<float> input = random_floats(static_cast<std::int64_t>(executable.input().size()), 5);
    std::copy(input.begin(), input.end(), executable.input().begin());
    executable.forward([&](OpId op, TensorView& view) { note(values, op, view); });
    const std::vector<float> seed = random_floats(static_cast<std::int64_t>(executable.output().size()), 6);
    executable.backward(seed, [&](OpId op, TensorView& view) { note(gradients, op, view); });
    CHECK(values.size() == static_cast<std::size_t>(network.size()));
    CHECK(gradients.size() == values.size());
    return std::pair(std::move(values), std::move(gradients));
  };
  CHECK(seen(true) == seen(false));
}

TEST_CASE("a foreign network takes no more memory than it says") {
  const Network network = foreign_network();
  Worker limited;
  const std::int64_t needed = Executable(limited, network, everything(4)).memory_bytes();
  limited.set_memory_limit(needed);
  CHECK_NOTHROW(Executable(limited, network, everything(4)));
  limited.set_memory_limit(needed - 1);
  CHECK_THROWS_AS(Executable(limited, network, everything(4)), InputError);
}

TEST_CASE("initialisations: the fan in of a transposed convolution is PyTorch's") {
  NetworkBuilder b({64, 2, 2});
  const Network network = std::move(b).finish(transposed(b, 0, 16, transposed_window(3, 2), 4, true));
  Executable executable(worker(), network, {});
  executable.initialise(Initialisation::pytorch_default, 1, 2);
  const Weights weights = executable.weights();
  REQUIRE(weights.size() == 2);
  const double bound = 1 / std::sqrt(16.0 / 4 * 9);
  for (const WeightTensor& tensor : weights) {
    const auto [low, high] = std::ranges::minmax(tensor.values);
    CHECK(static_cast<double>(high) <= bound);
    CHECK(static_cast<double>(low) >= -bound);
    CHECK(static_cast<double>(high - low) > 1.5 * bound);
  }
  executable.initialise(Initialisation::kaiming_normal_fan_out, 1, 2);
  double squares = 0;
  const std::vector<float> drawn = executable.weights()[0].values;
  for (const float w : drawn) squares += static_cast<double>(w) * w;
  CHECK(squares / (64 * 4 * 9) == doctest::Approx(2.0 / (64 * 9)).epsilon(0.1));
}

TEST_CASE("layer norms start as scale 1 and shift 0") {
  NetworkBuilder b({20, 2, 2});
  const Network network = std::move(b).finish(layer_norm(b, 0));
  Executable executable(worker(), network, {});
  executable.initialise(Initialisation::standard_normal, 1, 2);
  const Weights weights = executable.weights();
  REQUIRE(weights.size() == 2);
  CHECK(weights[0].values == std::vector<float>(20, 1.0f));
  CHECK(weights[1].values == std::vector<float>(20, 0.0f));
}

TEST_CASE("weights go out and into another executable, whatever its options") {
  const Network network = foreign_network();
  CompileOptions options;
  options.batch = 2;
  options.batch_norm = BatchNormMode::running_statistics;
  Executable from(worker(), network, options);
  fill_parameters(from, nullptr, 7);
  const Weights weights = from.weights();
  std::size_t i = 0;
  for (OpId id = 1; id < network.size(); ++id) {
    for (const ParameterRole role : parameter_roles(network.op(id))) {
      REQUIRE(i < weights.size());
      CHECK(weights[i].op == id);
      CHECK(weights[i].role == role);
      std::int64_t elements = 1;
      for (const std::int64_t d : parameter_dims(network, id, role)) elements *= d;
      CHECK(static_cast<std::int64_t>(weights[i].values.size()) == elements);
      ++i;
    }
  }
  CHECK(i == weights.size());

  const std::vector<float> expected = run(from);
  CompileOptions trained = everything(2, BatchNormMode::running_statistics);
  Executable same(worker(), network, trained);
  same.set_weights(weights);
  CHECK(difference(run(same), widened(expected)) < 1e-5);
  const Weights again = same.weights();
  for (std::size_t k = 0; k < weights.size(); ++k) CHECK(again[k].values == weights[k].values);
  options.inference = true;
  Executable folded(worker(), network, options);
  folded.set_weights(weights);
  CHECK(difference(run(folded), widened(expected)) < 1e-4);
}

TEST_CASE("weights of dead operators may be there; missing or misshapen ones may not") {
  NetworkBuilder b({3, 4, 4});
  const OpId dead = b.convolution(0, 8, Window{}, "dead");
  const OpId live = b.convolution(0, 4, Window{}, "live", 1, true);
  const Network network = std::move(b).finish(live);
  Executable executable(worker(), network, {});
  const Weights all = {{dead, ParameterRole::weight, std::vector<float>(24, 1.0f)},
                       {live, ParameterRole::weight, std::vector<float>(12, 2.0f)},
                       {live, ParameterRole::bias, std::vector<float>(4, 3.0f)}};
  executable.set_weights(all);
  const Weights held = executable.weights();
  REQUIRE(held.size() == 2);
  CHECK(held[0].values == all[1].values);
  CHECK(held[1].values == all[2].values);
  CHECK_THROWS_AS(executable.set_weights({all[0], all[1]}), InternalError);
  CHECK_THROWS_AS(executable.set_weights({all[2], all[1]}), InternalError);
  CHECK_THROWS_AS(executable.set_weights({{live, ParameterRole::weight, {1.0f}}, all[2]}), InternalError);
}

}  // namespace assay::test
