// Throughput of the estimate on a MobileNet-like network: what a search pays per candidate after decoding.
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"
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

void fit(benchmark::State& state) {
  const std::vector<Network> networks = mobile_networks(128);
  const Accelerator accelerator = edge_npu();
  for (auto _ : state) benchmark::DoNotOptimize(fit_from_networks(accelerator, networks));
}
BENCHMARK(fit)->Unit(benchmark::kMillisecond);

}  // namespace
