// Time of scores on networks of the size that searches see: cells of NAS-Bench-201 at 32x32, and a
// MobileNetV2 at 96x96. `nets_per_s` is for one worker. The last benchmarks time what scores do beyond the
// network's own passes: the products of rows behind covariances and Jacobians.
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/score/score.hpp"

#include "../src/score/panel.hpp"
#include "../src/score/spectrum.hpp"

#include <array>
#include <string>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

OpId conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int stride = 1, int groups = 1) {
  return b.batch_norm(b.convolution(x, channels, Window::square(kernel, stride), "conv", groups), "bn");
}

OpId relu_conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int stride = 1) {
  return conv_bn(b, b.activation(x, Activation::relu, "relu"), channels, kernel, stride);
}

// The cell of average cost (a pooling, a 1x1, two 3x3 convolutions and two skips) in the macro structure of
// NAS-Bench-201: three stages of five cells.
Network cell_network() {
  NetworkBuilder b({3, 32, 32}, "cells");
  OpId x = conv_bn(b, 0, 16, 3);
  b.mark_block(x, "stem");
  for (const int channels : {16, 32, 64}) {
    if (channels > 16) {
      const OpId main = relu_conv_bn(b, relu_conv_bn(b, x, channels, 3, 2), channels, 3);
      const Window half = {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2};
      x = b.sum(main, b.convolution(b.average_pool(x, half, "pool"), channels, Window::square(1), "shortcut"),
                "+");
      b.mark_block(x, "reduction");
    }
    for (int cell = 0; cell < 5; ++cell) {
      const OpId n1 = relu_conv_bn(b, x, channels, 3);
      const OpId n2 = b.sum(b.average_pool(x, Window::square(3), "pool"), n1, "+");
      const OpId into[] = {x, relu_conv_bn(b, n1, channels, 1), relu_conv_bn(b, n2, channels, 3)};
      x = b.sum(into, "+");
      b.mark_block(x, "cell");
    }
  }
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  const OpId output = b.linear(b.global_average_pool(x, "pool"), 10, "classifier");
  return std::move(b).finish(output);
}

Network mobile_network() {
  NetworkBuilder b({3, 96, 96}, "mobilenet_v2");
  const auto relu6 = [&](OpId x) { return b.activation(x, Activation::relu6, "relu6"); };
  OpId x = relu6(conv_bn(b, 0, 32, 3, 2));
  struct Stage {
    int expansion, channels, blocks, stride;
  };
  for (const Stage stage : {Stage{1, 16, 1, 1},
                            {6, 24, 2, 2},
                            {6, 32, 3, 2},
                            {6, 64, 4, 2},
                            {6, 96, 3, 1},
                            {6, 160, 3, 2},
                            {6, 320, 1, 1}})
    for (int block = 0; block < stage.blocks; ++block) {
      const int in = b.shape(x).channels, hidden = in * stage.expansion;
      const int stride = block == 0 ? stage.stride : 1;
      OpId y = stage.expansion == 1 ? x : relu6(conv_bn(b, x, hidden, 1));
      y = conv_bn(b, relu6(conv_bn(b, y, hidden, 3, stride, hidden)), stage.channels, 1);
      x = stride == 1 && in == stage.channels ? b.sum(x, y, "+") : y;
      b.mark_block(x, "block");
    }
  x = b.global_average_pool(relu6(conv_bn(b, x, 1280, 1)), "pool");
  const OpId output = b.linear(x, 1000, "classifier");
  return std::move(b).finish(output);
}

const std::array<std::vector<std::string>, 14> score_sets = {{
    {"expressivity", "progressivity", "trainability"},
    {"expressivity", "progressivity"},
    {"naswot"},
    {"jacob_cov"},
    {"synflow"},
    {"zen"},
    {"synflow", "zen"},
    {"grad_norm", "snip"},
    {"fisher"},
    {"grasp"},
    {"zico"},
    {"ntk_condition"},
    {"fisher_spectrum"},
    {"naswot", "jacob_cov", "synflow", "grad_norm", "snip", "zen", "expressivity", "progressivity",
     "trainability"},
}};

void score(benchmark::State& state, const Network& network, const std::vector<std::string>& scores) {
  const int batch = static_cast<int>(state.range(0));
  Worker worker;
  const Scorer scorer({.scores = scores, .batch = batch});
  scorer.score(worker, network);  // the worker keeps buffers and primitives from network to network
  for (auto _ : state) benchmark::DoNotOptimize(scorer.score(worker, network));
  state.counters["nets_per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void register_scores() {
  for (const auto& [name, subject] :
       {std::pair{"cells", cell_network()}, std::pair{"mobilenet", mobile_network()}})
    for (std::size_t i = 0; i <= score_sets.size(); ++i) {
      const std::vector<std::string> scores = i < score_sets.size() ? score_sets[i] : default_scores();
      std::string label = std::string("score/") + name + "/";
      for (const std::string& each : scores) label += (label.back() == '/' ? "" : "+") + each;
      benchmark::RegisterBenchmark(
          label.c_str(),
          [network = subject, scores](benchmark::State& state) { score(state, network, scores); })
          ->Arg(16)
          ->Arg(64)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
}

// Range: channels, size of the map; 64 images.
void covariance_product(benchmark::State& state) {
  const int channels = static_cast<int>(state.range(0)), size = static_cast<int>(state.range(1));
  constexpr int images = 64;
  std::vector<float> values(static_cast<std::size_t>(images * channels * size * size));
  Random(1, Purpose::input).fill_normal(values, 0, 1);
  TensorView map{.data = values.data(),
                 .batch = images,
                 .channels = channels,
                 .height = size,
                 .width = size,
                 .block = lanes,
                 .padded_channels = channels,
                 .image_stride = std::int64_t{channels} * size * size,
                 .block_stride = std::int64_t{lanes} * size * size,
                 .pixel_stride = lanes};
  const Folding folding({size, size}, {size, size});
  const std::int64_t rows = std::int64_t{images} * size * size;
  std::vector<float> product(static_cast<std::size_t>(channels) * static_cast<std::size_t>(channels));
  Panel panel;
  for (auto _ : state)
    for (std::int64_t first = 0; first < rows; first += chunk_rows) {
      pack(map, folding, first, static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first)), panel);
      add_product(panel, panel, product);
    }
  state.counters["flop/s"] = benchmark::Counter(static_cast<double>(rows * channels * (channels + lanes)),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(covariance_product)->Args({16, 32})->Args({64, 8})->Args({320, 7})->Unit(benchmark::kMicrosecond);

void spectrum(benchmark::State& state) {
  const int n = static_cast<int>(state.range(0));
  SquareMatrix matrix(n);
  Random random(1, Purpose::input);
  for (std::size_t i = 0; i < matrix.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) matrix(i, j) = matrix(j, i) = random.normal();
  for (auto _ : state) benchmark::DoNotOptimize(eigenvalues(matrix));
}
BENCHMARK(spectrum)->Arg(16)->Arg(64)->Arg(320)->Unit(benchmark::kMicrosecond);

[[maybe_unused]] const bool registered = (register_scores(), true);

}  // namespace
