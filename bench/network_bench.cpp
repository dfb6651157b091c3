// What a candidate costs before anything is executed: building, fingerprint, canonical form, memory.
#include "assay/network/builder.hpp"
#include "assay/network/memory.hpp"
#include "assay/network/schedule.hpp"

#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

// A MobileNetV2-like chain of inverted bottlenecks, about 150 operators.
Network build() {
  NetworkBuilder b({3, 224, 224});
  OpId x = b.activation(b.batch_norm(b.convolution(0, 32, Window::square(3, 2), "conv"), "bn"),
                        Activation::relu6, "act");
  constexpr struct {
    int expansion, channels, depth, stride;
  } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  for (const auto& stage : stages) {
    for (int i = 0; i < stage.depth; ++i) {
      b.set_scope("stage.block");
      const OpId in = x;
      const int wide = b.shape(x).channels * stage.expansion;
      const auto bn_act = [&](OpId y) {
        return b.activation(b.batch_norm(y, "bn"), Activation::relu6, "act");
      };
      if (stage.expansion > 1) x = bn_act(b.convolution(x, wide, Window::square(1), "expand"));
      x = bn_act(b.convolution(x, wide, Window::square(3, i == 0 ? stage.stride : 1), "depthwise", wide));
      x = b.batch_norm(b.convolution(x, stage.channels, Window::square(1), "project"), "bn");
      if (i > 0) x = b.sum(in, x, "add");
      b.mark_block(x, "block");
    }
  }
  x = b.convolution(x, 1280, Window::square(1), "head");
  return std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 1000, "fc"));
}

void BM_build(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(build());
}
BENCHMARK(BM_build);

void BM_fingerprint(benchmark::State& state) {
  const Network network = build();
  for (auto _ : state) benchmark::DoNotOptimize(fingerprint(network));
}
BENCHMARK(BM_fingerprint);

void BM_canonical(benchmark::State& state) {
  const Network network = build();
  for (auto _ : state) benchmark::DoNotOptimize(canonical(network));
}
BENCHMARK(BM_canonical);

// Fifteen cells of four nodes with an operator on every edge, as in NAS-Bench-201: branches everywhere.
Network build_cells() {
  NetworkBuilder b({3, 32, 32});
  const auto unit = [&](OpId x, int channels, int kernel, int stride = 1) {
    x = b.activation(x, Activation::relu, "relu");
    return b.batch_norm(b.convolution(x, channels, Window::square(kernel, stride), "conv"), "bn");
  };
  OpId x = b.batch_norm(b.convolution(0, 16, Window::square(3), "conv"), "bn");
  for (int stage = 0; stage < 3; ++stage) {
    const int channels = 16 << stage;
    if (stage > 0) x = b.sum(unit(unit(x, channels, 3, 2), channels, 3), unit(x, channels, 1, 2), "reduce");
    for (int cell = 0; cell < 5; ++cell) {
      std::vector<OpId> nodes = {x};
      for (int node = 1; node < 4; ++node) {
        std::vector<OpId> edges;
        for (const OpId from : nodes) edges.push_back(unit(from, channels, edges.empty() ? 3 : 1));
        nodes.push_back(b.sum(edges, "node"));
      }
      x = nodes.back();
    }
  }
  return std::move(b).finish(b.linear(b.global_average_pool(x, "pool"), 10, "fc"));
}

// One random graph of `operators` operators without a cut, as networks wired at random have them.
Network build_tangle(int operators) {
  NetworkBuilder b({8, 8, 8});
  std::uint32_t state = 1;
  const auto below = [&](std::size_t bound) {
    state = state * 1664525 + 1013904223;
    return static_cast<std::size_t>(state >> 8) % bound;
  };
  std::vector<OpId> unread = {0};
  while (b.size() < operators) {
    const OpId x = below(2) == 0 ? unread[below(unread.size())]
                                 : static_cast<OpId>(below(static_cast<std::size_t>(b.size())));
    std::erase(unread, x);
    unread.push_back(b.convolution(x, static_cast<int>(1 + below(16)), Window{}, "conv"));
  }
  for (OpId& x : unread) x = b.convolution(x, 1, Window{}, "close");
  return std::move(b).finish(b.sum(unread, "out"));
}

void BM_peak_memory(benchmark::State& state) {
  const Network network = build();
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, {}));
}
BENCHMARK(BM_peak_memory);

void BM_peak_memory_in_strips(benchmark::State& state) {
  const Network network = build();
  const MemoryPolicy policy{.strip_rows = 2};
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, policy));
}
BENCHMARK(BM_peak_memory_in_strips);

// What `reorder = true` adds to every candidate of a search.
void BM_schedule_chain(benchmark::State& state) {
  const Network network = build();
  const MemoryPolicy policy{.reorder = true};
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, policy));
}
BENCHMARK(BM_schedule_chain);

void BM_schedule_cells(benchmark::State& state) {
  const Network network = canonical(build_cells());
  const MemoryPolicy policy{.reorder = true};
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, policy));
  const Schedule schedule = memory_schedule(network, policy);
  state.counters["declared"] = static_cast<double>(schedule.declared_peak_bytes);
  state.counters["peak"] = static_cast<double>(schedule.memory.peak_bytes);
  state.counters["optimal"] = schedule.optimal;
}
BENCHMARK(BM_schedule_cells)->Unit(benchmark::kMicrosecond);

void BM_schedule_tangle(benchmark::State& state) {
  const Network network = build_tangle(static_cast<int>(state.range(0)));
  const MemoryPolicy policy{.reorder = true};
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, policy));
  const Schedule schedule = memory_schedule(network, policy);
  state.counters["declared"] = static_cast<double>(schedule.declared_peak_bytes);
  state.counters["peak"] = static_cast<double>(schedule.memory.peak_bytes);
  state.counters["optimal"] = schedule.optimal;
}
BENCHMARK(BM_schedule_tangle)
    ->Arg(20)
    ->Arg(40)
    ->Arg(80)
    ->Arg(320)
    ->Arg(1000)

    ->Unit(benchmark::kMicrosecond);

}  // namespace
