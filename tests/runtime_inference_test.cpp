// Inference: fused networks compute what unfused ones do, and their kernels are the subgraphs that estimators
// know.
#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/subgraph.hpp"
#include "assay/network/transform.hpp"
#include "assay/space/space.hpp"

#include "runtime_networks.hpp"

#include <filesystem>
#include <set>

namespace assay::test {
namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

std::vector<std::string> space_files() {
  std::vector<std::string> files;
  for (const char* folder : {"/spaces", "/tests/spaces"}) {
    for (const auto& entry : std::filesystem::directory_iterator(ASSAY_SOURCE_DIR + std::string(folder))) {
      if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Candidate `index` of a space, on images small enough for a quick test.
Network small_network(const Space& space, std::uint64_t index) {
  Random random(5, Purpose::sample, 0, index);
  const Network network = canonical(space.decode(space.sample(random)));
  const Shape input = network.input_shape();
  return at_resolution(network, std::min(input.height, 48), std::min(input.width, 48));
}

CompileOptions inference(int batch = 1) {
  CompileOptions options;
  options.batch = batch;
  options.batch_norm = BatchNormMode::running_statistics;
  options.inference = true;
  return options;
}

FusionRules host_rules() {
  return Accelerator::load(ASSAY_SOURCE_DIR "/spaces/accelerators/host_cpu.toml").fusion;
}

// A hundred layers whose scales are around 1 amplify rounding errors without limit.
void calm(Executable& executable) {
  const auto parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].role != ParameterRole::scale) continue;
    std::vector<float> scale(static_cast<std::size_t>(parameters[i].elements()));
    executable.get_parameter(i, scale);
    for (float& v : scale) v *= 0.5f;
    executable.set_parameter(i, scale);
  }
}

// Operators that a profile has a time for, the edges aside.
std::set<OpId> timed_operators(const Network& network) {
  Executable executable(worker(), network, inference());
  std::vector<double> seconds(static_cast<std::size_t>(network.size()));
  executable.profile(seconds);
  std::set<OpId> timed;
  for (OpId id = 1; id < network.size(); ++id) {
    if (seconds[static_cast<std::size_t>(id)] > 0) timed.insert(id);
  }
  return timed;
}

std::set<OpId> subgraph_operators(const Network& network) {
  SubgraphSplitter splitter(host_rules());
  std::set<OpId> first;
  for (const SubgraphInstance& instance : splitter.split(network)) first.insert(instance.first);
  return first;
}

}  // namespace

TEST_CASE("inference: networks of all spaces give what they give unfused") {
  for (const std::string& file : space_files()) {
    CAPTURE(file);
    const Space space = Space::load(file);
    for (std::uint64_t i = 0; i < 2; ++i) {
      const Network network = small_network(space, i);
      const int batch = 1 + static_cast<int>(i);
      CompileOptions plain;
      plain.batch = batch;
      plain.batch_norm = BatchNormMode::running_statistics;
      Executable unfused(worker(), network, plain);
      Executable fused(worker(), network, inference(batch));
      for (Executable* executable : {&unfused, &fused}) {
        fill_parameters(*executable, nullptr, i);
        calm(*executable);
      }
      const std::vector<float> expected = run(unfused, 9);
      CHECK(difference(run(fused, 9), widened(expected)) < 1e-4);
    }
  }
}

TEST_CASE("inference: the kernels of a network are its subgraphs under the host's fusion rules") {
  for (const std::string& file : space_files()) {
    CAPTURE(file);
    const Space space = Space::load(file);
    for (std::uint64_t i = 0; i < 2; ++i) {
      const Network network = small_network(space, i);
      CHECK(timed_operators(network) == subgraph_operators(network));
    }
  }
}

TEST_CASE("inference: every order of activation and addition") {
  for (const Activation function :
       {Activation::relu, Activation::relu6, Activation::leaky_relu, Activation::h_swish,
        Activation::h_sigmoid, Activation::silu, Activation::sigmoid, Activation::tanh, Activation::gelu}) {
    for (const int channels : {16, 20}) {
      for (const int groups : {1, 4}) {
        CAPTURE(to_string(function));
        CAPTURE(channels);
        CAPTURE(groups);
        NetworkBuilder b({channels, 7, 9});
        const auto convolution = [&](OpId x) {
          return b.batch_norm(b.convolution(x, channels, Window::square(3), "conv", groups), "bn");
        };
        // With the network's input, after the activation, before it, with a tensor that lives on, and as
        // gate.
        OpId x = b.activation(b.sum(0, convolution(0), "a"), function, "f");
        const OpId y = b.sum(b.activation(convolution(x), function, "f"), x, "b");
        const OpId z = b.sum(x, convolution(y), "c");
        x = b.sum(b.sum(y, z, "d"), b.batch_norm(b.average_pool(z, Window::square(3), "pool"), "bn"), "e");
        const OpId gate = b.activation(b.global_average_pool(x, "gap"), function, "gate");
        x = b.activation(b.multiply(x, gate, "scaled"), function, "f");
        const Network network = std::move(b).finish(x);
        compare_with_reference(worker(), network, inference(2), "orders", 3);
        CHECK(timed_operators(network) == subgraph_operators(network));
      }
    }
  }
}

TEST_CASE("inference: what fuses behind a transposed convolution") {
  for (const int groups : {1, 2, 20}) {
    for (const Activation function : {Activation::relu, Activation::gelu}) {
      CAPTURE(groups);
      CAPTURE(to_string(function));
      NetworkBuilder b({20, 5, 6});
      Window twice;
      twice.kernel_h = twice.kernel_w = twice.stride_h = twice.stride_w = 2;
      const auto up = [&](OpId x, int channels) {
        return b.batch_norm(b.add({.kind = OpKind::transposed_convolution,
                                   .bias = true,
                                   .channels = channels,
                                   .groups = groups,
                                   .window = twice},
                                  {x}, "up"),
                            "bn");
      };
      OpId x = b.activation(up(0, 40), function, "f");
      const OpId y = b.sum(b.activation(up(0, 40), function, "f"), x, "after");
      x = b.activation(b.sum(x, up(0, 40), "before"), function, "f");
      const Network network = std::move(b).finish(b.sum(x, y, "sum"));
      compare_with_reference(worker(), network, inference(2), "transposed", 3);
      CHECK(timed_operators(network) == subgraph_operators(network));
    }
  }
}

TEST_CASE("inference: executables that share an arena give the same results") {
  const Network small = cells(16), large = cells(40);
  CompileOptions shared = inference(2);
  shared.shared_arena = true;
  Executable own(worker(), small, inference(2));
  Executable first(worker(), small, shared);
  Executable second(worker(), large, shared);  // the arena grows and moves
  for (Executable* executable : {&own, &first, &second}) fill_parameters(*executable, nullptr, 4);
  const std::vector<float> expected = run(own, 1);
  CHECK(same_bits(run(first, 1), expected));
  const std::vector<float> other = run(second, 2);
  CHECK(same_bits(run(first, 1), expected));
  CHECK(same_bits(run(second, 2), other));
}

TEST_CASE("inference: a profile accumulates and leaves the result alone") {
  const Network network = cells(16);
  Executable executable(worker(), network, inference());
  fill_parameters(executable, nullptr, 4);
  const std::vector<float> expected = run(executable, 1);
  std::vector<double> seconds(static_cast<std::size_t>(network.size()));
  executable.profile(seconds);
  CHECK(same_bits({executable.output().data(), executable.output().size()}, expected));
  const std::vector<double> once = seconds;
  executable.profile(seconds);
  for (std::size_t i = 0; i < seconds.size(); ++i) CHECK((seconds[i] > once[i]) == (once[i] > 0));
}

}  // namespace assay::test
