// Forward and backward of typical blocks, in GFLOP/s: 2 x MACs forward, as many again for the data's
// gradient, and for the weights'.
//
//   --benchmark_filter=block/     whole blocks and networks
//   --benchmark_filter=overhead/  blocks beside their operators called directly on oneDNN;
//                                 overhead_percent = CPU time / that of the direct calls - 1
#include "assay/base/error.hpp"
#include "assay/runtime/runtime.hpp"

#include "runtime_blocks.hpp"
#include "runtime_direct.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <time.h>

namespace assay {

namespace {

Worker& worker() {
  static Worker instance;
  return instance;
}

CompileOptions options_for(Pass pass, int batch, const Network& network) {
  CompileOptions options;
  options.batch = batch;
  if (pass == Pass::inference) {
    options.batch_norm = BatchNormMode::running_statistics;
    options.inference = true;
  }
  if (pass == Pass::data) {
    options.backward = true;
    options.gradient_taps = {network.size() > 100 ? 1 : 0};
  }
  if (pass == Pass::weights) options.weight_gradients = true;
  return options;
}

const std::vector<std::pair<std::string, Pass>> all_passes{{"inference", Pass::inference},
                                                           {"forward", Pass::forward},
                                                           {"data", Pass::data},
                                                           {"weights", Pass::weights}};

void fill(std::span<float> out, std::uint64_t index) {
  Random(1, Purpose::input, 0, index).fill_normal(out, 0, 1);
}

void run_network(benchmark::State& state, const Network& network, Pass pass, int batch) {
  Executable executable(worker(), network, options_for(pass, batch, network));
  executable.initialise(Initialisation::kaiming_normal_fan_in, 1, 1);
  fill(executable.input(), 0);
  std::vector<float> gradient(static_cast<std::size_t>(batch * network.output_shape().elements()));
  fill(gradient, 1);
  const auto run = [&] {
    executable.forward();
    if (pass == Pass::data || pass == Pass::weights) executable.backward(gradient);
  };
  run();
  for (auto _ : state) run();
  const double passes = pass == Pass::weights ? 3 : pass == Pass::data ? 2 : 1;
  state.counters["GFLOP/s"] = benchmark::Counter(passes * 2e-9 * static_cast<double>(network.macs() * batch),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  state.counters["arena_MiB"] = static_cast<double>(executable.arena_bytes()) / (1 << 20);
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Throws unless ||a - b|| <= tolerance * ||b||.
void require_close(std::span<const float> a, std::span<const float> b, double tolerance,
                   const std::string& what) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  if (a.size() != b.size() || !(norm > 0) || !(difference <= tolerance * tolerance * norm)) {
    throw InternalError("The runtime and the direct calls disagree on " + what + ": relative error " +
                        std::to_string(std::sqrt(difference / norm)) + ".");
  }
}

// The whole block on the runtime and called directly on oneDNN, in turns, so that other load on the machine
// meets both. They must have computed the same before they are timed.
void compare_with_direct(benchmark::State& state, const Network& network, Pass pass, int batch) {
  CompileOptions options = options_for(pass, batch, network);
  options.gradient_taps.clear();
  options.input_gradient = pass == Pass::data || pass == Pass::weights;
  Executable executable(worker(), network, options);
  executable.initialise(Initialisation::kaiming_normal_fan_in, 1, 1);
  const std::span<const Parameter> parameters = executable.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].role == ParameterRole::weight) continue;
    std::vector<float> values(static_cast<std::size_t>(parameters[i].elements()));
    Random(1, Purpose::weights, 0, i).fill_uniform(values, 0.5f, 1.5f);
    executable.set_parameter(i, values);
  }
  Direct direct(network, pass, batch, [&](OpId op, ParameterRole role) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].op != op || parameters[i].role != role) continue;
      std::vector<float> values(static_cast<std::size_t>(parameters[i].elements()));
      executable.get_parameter(i, values);
      return values;
    }
    throw InternalError("The runtime lacks a parameter.");
  });
  fill(executable.input(), 0);
  fill(direct.input(), 0);
  std::vector<float> gradient(options.input_gradient ? executable.output().size() : 0);
  fill(gradient, 1);
  if (options.input_gradient) fill(direct.output_gradient(), 1);
  const auto run = [&] {
    executable.forward();
    if (options.input_gradient) executable.backward(gradient);
  };

  run();
  direct.run();
  require_close(executable.output(), direct.output(), 1e-5, "the output");
  // Where a sum lies within rounding of a ReLU's kink, the two may take different sides.
  constexpr double kinks = 1e-2;
  if (options.input_gradient)
    require_close(executable.input_gradient(), direct.input_gradient(), kinks, "the input's gradient");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient.empty()) continue;
    std::vector<float> values(static_cast<std::size_t>(parameters[i].elements()));
    executable.get_gradient(i, values);
    require_close(values, direct.gradient(parameters[i].op, parameters[i].role), kinks,
                  "a parameter's gradient");
  }

  std::vector<double> runtime_seconds, direct_seconds;
  const auto time = [](std::vector<double>& seconds, const auto& job) {
    job();  // finds its memory in the caches as far as it fits
    constexpr int runs = 3;
    const double start = cpu_seconds();
    for (int i = 0; i < runs; ++i) job();
    seconds.push_back((cpu_seconds() - start) / runs);
  };
  for (auto _ : state) {
    time(runtime_seconds, run);
    time(direct_seconds, [&] { direct.run(); });
    state.SetIterationTime(runtime_seconds.back());
  }
  const double passes = pass == Pass::weights ? 3 : pass == Pass::data ? 2 : 1;
  const double gflop = passes * 2e-9 * static_cast<double>(network.macs() * batch);
  const double ours = median(runtime_seconds), theirs = median(direct_seconds);
  state.counters["GFLOP/s"] = gflop / ours;
  state.counters["direct_GFLOP/s"] = gflop / theirs;
  state.counters["overhead_percent"] = 100 * (ours / theirs - 1);
}

void compile_network(benchmark::State& state, const Network& network, Pass pass) {
  const CompileOptions options = options_for(pass, 64, network);
  Executable(worker(), network, options);
  for (auto _ : state) Executable(worker(), network, options);
  state.counters["operators"] = network.size();
}

void initialise_network(benchmark::State& state, const Network& network) {
  Executable executable(worker(), network, {});
  std::uint64_t seed = 0;
  for (auto _ : state) executable.initialise(Initialisation::kaiming_normal_fan_in, 1, ++seed);
  state.counters["parameters"] = static_cast<double>(network.parameters());
}

using Blocks = std::vector<std::pair<std::string, Network>>;

void register_blocks() {
  const Blocks blocks{
      {"nasbench201_conv3x3", nasbench201(conv3x3_cell)},
      {"nasbench201_mixed", nasbench201(mixed_cell)},
      {"ibn6_k3_24x28", inverted_bottleneck({24, 28, 3})},
      {"ibn6_k5_40x14", inverted_bottleneck({40, 14, 5})},
      {"ibn6_k5_se_40x14", inverted_bottleneck({.channels = 40, .size = 14, .kernel = 5, .squeeze = true})},
      {"fused_ibn6_k3_24x28", inverted_bottleneck({.channels = 24, .size = 28, .kernel = 3, .fused = true})},
      {"residual_64x16", residual(64, 16)},
  };
  using benchmark::RegisterBenchmark;
  for (const auto& [name, network] : blocks) {
    const Network* n = new Network(network);  // lives as long as the benchmarks
    for (const auto& [label, pass] : all_passes) {
      RegisterBenchmark(("block/" + label + "/" + name).c_str(), run_network, *n, pass, 64)
          ->Unit(benchmark::kMillisecond);
    }
    RegisterBenchmark(("compile/" + name).c_str(), compile_network, *n, Pass::data)
        ->Unit(benchmark::kMicrosecond);
    RegisterBenchmark(("initialise/" + name).c_str(), initialise_network, *n)->Unit(benchmark::kMillisecond);
  }
}

void register_overhead() {
  const Blocks blocks{
      {"conv3x3_cell_16x32", single_cell(conv3x3_cell, 16, 32)},
      {"conv3x3_cell_32x16", single_cell(conv3x3_cell, 32, 16)},
      {"conv3x3_cell_64x8", single_cell(conv3x3_cell, 64, 8)},
      {"mixed_cell_32x16", single_cell(mixed_cell, 32, 16)},
      {"ibn6_k3_24x28", inverted_bottleneck({24, 28, 3})},
      {"ibn6_k5_24x28", inverted_bottleneck({24, 28, 5})},
      {"fused_ibn6_k3_24x28", inverted_bottleneck({.channels = 24, .size = 28, .kernel = 3, .fused = true})},
      {"residual_64x16", residual(64, 16)},
      {"plain_16x32", plain_chain(16, 32)},
      {"plain_64x8", plain_chain(64, 8)},
  };
  for (const auto& [name, network] : blocks) {
    const Network* n = new Network(canonical(network));  // equal operators once, as every candidate is run
    for (const auto& [label, pass] : all_passes) {
      benchmark::RegisterBenchmark(("overhead/" + label + "/" + name).c_str(), compare_with_direct, *n, pass,
                                   64)
          ->Unit(benchmark::kMillisecond)
          ->UseManualTime();
    }
  }
}

const bool registered = [] {
  register_blocks();
  register_overhead();
  return true;
}();

}  // namespace

}  // namespace assay
