// What a candidate costs before anything is executed: building, fingerprint, canonical form, memory.
#include <benchmark/benchmark.h>

#include "assay/network/builder.hpp"
#include "assay/network/memory.hpp"

namespace {

using namespace assay;

// A MobileNetV2-like chain of inverted bottlenecks, about 150 operators.
Network build() {
  NetworkBuilder b({3, 224, 224});
  OpId x = b.activation(b.batch_norm(b.convolution(0, 32, Window::square(3, 2), "conv"), "bn"), Activation::relu6, "act");
  constexpr struct {
    int expansion, channels, depth, stride;
  } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  for (const auto& stage : stages) {
    for (int i = 0; i < stage.depth; ++i) {
      b.set_scope("stage.block");
      const OpId in = x;
      const int wide = b.shape(x).channels * stage.expansion;
      const auto bn_act = [&](OpId y) { return b.activation(b.batch_norm(y, "bn"), Activation::relu6, "act"); };
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

void BM_peak_memory(benchmark::State& state) {
  const Network network = build();
  for (auto _ : state) benchmark::DoNotOptimize(peak_activation_bytes(network, {}));
}
BENCHMARK(BM_peak_memory);

}  // namespace
