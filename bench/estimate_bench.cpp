// Throughput of the estimate on a MobileNet-like network, and how long fits take. cli_bench says what a
// prediction is among all that a search does with a candidate.
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/estimate/sample.hpp"
#include "assay/network/builder.hpp"

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

// 18 inverted bottlenecks with squeeze-excite, 224 x 224; `variant` shifts the channels so that networks
// differ.
Network mobile_network(int variant) {
  NetworkBuilder b({3, 224, 224});
  const auto unit = [&](OpId x, int channels, const Window& window, int groups, bool active) {
    x = b.batch_norm(b.convolution(x, channels, window, "conv", groups), "bn");
    return active ? b.activation(x, Activation::relu, "act") : x;
  };
  OpId x = unit(0, 32, Window::square(3, 2), 1, true);
  for (int stage = 0; stage < 6; ++stage) {
    const int channels = 8 * (stage + 2) + variant % 7 + stage * (variant / 7 % 5);
    for (int block = 0; block < 3; ++block) {
      const int stride = block == 0 && stage < 4 ? 2 : 1;
      const int middle = b.shape(x).channels * 4;
      OpId y = unit(x, middle, Window{}, 1, true);
      y = unit(y, middle, Window::square(variant % 2 == 0 ? 3 : 5, stride), middle, true);
      OpId gate = b.convolution(b.global_average_pool(y, "squeeze"), middle / 4, Window{}, "reduce");
      gate = b.convolution(b.activation(gate, Activation::relu, "act"), middle, Window{}, "excite");
      y = b.multiply(y, b.activation(gate, Activation::sigmoid, "gate"), "scale");
      y = unit(y, channels, Window{}, 1, false);
      x = b.shape(x) == b.shape(y) ? b.sum(x, y, "add") : y;
    }
  }
  x = b.global_average_pool(unit(x, 1280, Window{}, 1, true), "pool");
  return std::move(b).finish(b.linear(x, 1000, "classifier"));
}

std::vector<Network> mobile_networks(int count) {
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) networks.push_back(mobile_network(i));
  return networks;
}

Accelerator edge_npu() {
  return Accelerator::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/accelerators/edge_npu_16.toml");
}

void split(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(64);
  SubgraphSplitter splitter(edge_npu().fusion);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(splitter.split(networks[i++ % networks.size()]).data());
  state.SetItemsProcessed(state.iterations());
  state.counters["operators"] = networks[0].size();
  state.counters["subgraphs"] = static_cast<double>(splitter.split(networks[0]).size());
}
BENCHMARK(split);

// Every subgraph known to the session: the state of a search after its first thousand candidates.
void split_and_predict(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(64);
  const Estimator estimator = fit_from_networks(edge_npu(), networks);
  Estimator::Session session(estimator);
  for (const Network& network : networks) session.predict(network);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(session.predict(networks[i++ % networks.size()]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(split_and_predict);

// A session that has seen nothing: every subgraph goes through the regression.
void predict_unseen(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(64);
  const Estimator estimator = fit_from_networks(edge_npu(), networks);
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Estimator::Session(estimator).predict(networks[i++ % networks.size()]));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(predict_unseen);

void memory(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(64);
  const Accelerator accelerator = edge_npu();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(peak_memory_bytes(accelerator, networks[i++ % networks.size()]));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(memory);

// The cycle model with as much noise as a good measurement has.
constexpr double noise = 0.03;

void fit_subgraphs(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(300);
  std::vector<const Network*> pointers;
  for (const Network& network : networks) pointers.push_back(&network);
  const Accelerator accelerator = edge_npu();
  const std::vector<Subgraph> subgraphs =
      sample_subgraphs(accelerator.fusion, pointers, static_cast<std::size_t>(state.range(0)), 1);
  const MeasurementSet measured = measure_on_model(accelerator, subgraphs, noise);
  for (auto _ : state) benchmark::DoNotOptimize(Estimator::fit(accelerator, measured.rows, {}));
  state.counters["rows"] = static_cast<double>(measured.rows.size());
}
BENCHMARK(fit_subgraphs)->Arg(500)->Arg(2000)->Unit(benchmark::kMillisecond);

void fit_networks(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(static_cast<int>(state.range(0)));
  const Accelerator accelerator = edge_npu();
  SubgraphSplitter splitter(accelerator.fusion);
  std::vector<NetworkMeasurement> measured;
  for (const Network& network : networks) {
    std::vector<Subgraph> subgraphs;
    for (const SubgraphInstance& instance : splitter.split(network)) subgraphs.push_back(instance.subgraph);
    double latency_ms = 0;
    for (const SubgraphMeasurement& row : measure_on_model(accelerator, subgraphs, noise).rows)
      latency_ms += row.latency_ms;
    measured.push_back({&network, latency_ms});
  }
  for (auto _ : state) benchmark::DoNotOptimize(Estimator::fit(accelerator, {}, measured));
}
BENCHMARK(fit_networks)->Arg(100)->Unit(benchmark::kMillisecond);

// What a command does with an accelerator file alone.
void fit_from_file(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(128);
  const Accelerator accelerator = edge_npu();
  for (auto _ : state) benchmark::DoNotOptimize(fit_from_networks(accelerator, networks));
}
BENCHMARK(fit_from_file)->Unit(benchmark::kMillisecond);

}  // namespace
