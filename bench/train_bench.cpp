// Training: whole steps, beside the forward and backward passes that they should consist of, and the pieces
// around those. Compare images_per_second of `training/workers:1` with `passes_alone`: the difference is the
// trainer's overhead.
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/train/optimizer.hpp"
#include "assay/train/train.hpp"

#include <benchmark/benchmark.h>

namespace assay {
namespace {

// A network of the size that the 28 x 28 space proposes: fused inverted bottlenecks, about 5 million MACs.
Network typical_network() {
  NetworkBuilder builder({1, 28, 28}, "typical");
  const auto conv = [&](OpId x, int channels, const Window& window, bool activated) {
    x = builder.batch_norm(builder.convolution(x, channels, window, "conv"), "bn");
    return activated ? builder.activation(x, Activation::relu, "relu") : x;
  };
  const auto fused_block = [&](OpId x, int channels, int expansion, int stride) {
    const int inside = builder.shape(x).channels * expansion;
    const OpId y = conv(conv(x, inside, Window::square(3, stride), true), channels, Window::square(1), false);
    return builder.shape(x) == builder.shape(y) ? builder.sum(x, y, "sum") : y;
  };
  OpId x = conv(0, 16, Window::square(3, 2), true);
  x = fused_block(x, 16, 3, 1);
  x = fused_block(x, 32, 3, 2);
  x = fused_block(x, 32, 3, 1);
  x = fused_block(x, 64, 3, 2);
  x = conv(x, 128, Window::square(1), true);
  x = builder.linear(builder.global_average_pool(x, "pool"), 10, "classifier");
  return std::move(builder).finish(x);
}

Dataset noise_set(std::size_t images) {
  Dataset set;
  set.name = "noise";
  set.image = {1, 28, 28};
  set.classes = 10;
  Random random(1, Purpose::noise);
  set.train.pixels.resize(images * 784);
  for (auto& pixel : set.train.pixels) pixel = static_cast<std::uint8_t>(random());
  for (std::size_t i = 0; i < images; ++i) set.train.labels.push_back(static_cast<std::uint8_t>(i % 10));
  set.test.pixels.assign(set.train.pixels.begin(), set.train.pixels.begin() + 784);
  set.test.labels.assign(1, 0);
  return set;
}

void count_images(benchmark::State& state, const Network& network, std::int64_t images) {
  using benchmark::Counter;
  const auto processed = static_cast<double>(state.iterations() * images);
  state.counters["images_per_second"] = Counter(processed, Counter::kIsRate);
  // Forward, gradient of the data, gradient of the weights: 2 floating-point operations per MAC each.
  state.counters["flops"] = Counter(6 * processed * static_cast<double>(network.macs()), Counter::kIsRate);
  state.counters["network_mmacs"] = static_cast<double>(network.macs()) / 1e6;
}

void training(benchmark::State& state) {
  const Network network = typical_network();
  constexpr std::size_t images = 3200;
  const Dataset set = noise_set(images);
  TrainOptions options;
  options.epochs = 1;
  options.workers = static_cast<int>(state.range(0));
  options.batch = static_cast<int>(state.range(1));
  options.warm_up_epochs = 0;
  options.learning_rate = 1e-3;
  for (auto _ : state) benchmark::DoNotOptimize(train(network, set, options).weights_hash);
  count_images(state, network, images);
}
BENCHMARK(training)
    ->ArgNames({"workers", "batch"})
    ->ArgsProduct({{1, 2}, {32, 64, 128}})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void passes_alone(benchmark::State& state) {
  const Network network = typical_network();
  Worker worker;
  CompileOptions options;
  options.batch = static_cast<int>(state.range(0));
  options.weight_gradients = true;
  Executable executable(worker, network, options);
  executable.initialise(Initialisation::kaiming_normal_fan_out, 1, 1);
  Random(1, Purpose::input).fill_normal(executable.input(), 0, 1);
  std::vector<float> gradient(executable.output().size());
  Random(1, Purpose::noise).fill_normal(gradient, 0, 0.01f);
  for (auto _ : state) {
    executable.forward();
    executable.backward(gradient);
  }
  count_images(state, network, options.batch);
}
BENCHMARK(passes_alone)
    ->ArgName("shard_batch")
    ->Arg(16)
    ->Arg(32)
    ->Arg(64)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

void write_image(benchmark::State& state) {
  const Dataset set = noise_set(1000);
  const ImageTransform transform(set.train, set.image);
  const Augmentation augmentation{.crop_padding = static_cast<int>(state.range(0)),
                                  .flip = state.range(0) > 0};
  std::vector<float> out(784);
  std::uint64_t draw = 0;
  for (auto _ : state) {
    transform.write(set.train.image(draw % 1000), draw_placement(augmentation, 1, 2, draw), out);
    benchmark::DoNotOptimize(out.data());
    ++draw;
  }
}
BENCHMARK(write_image)->ArgName("crop_padding")->Arg(0)->Arg(2);

void update_weights(benchmark::State& state) {
  constexpr std::size_t size = 1 << 14;
  std::vector<float> gradient(size, 0.1f), other(size, 0.2f), velocity(size), weights(size, 1.0f);
  const SgdStep step{.learning_rate = 0.01f, .momentum = 0.9f, .weight_decay = 1e-4f};
  for (auto _ : state) {
    benchmark::DoNotOptimize(average_into(gradient, other));
    sgd_update(step, gradient, velocity, weights);
    benchmark::DoNotOptimize(weights.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(update_weights);

void epoch_order(benchmark::State& state) {
  std::uint64_t epoch = 0;
  for (auto _ : state) benchmark::DoNotOptimize(shuffled_order(60'000, 1, 2, epoch++).data());
}
BENCHMARK(epoch_order)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assay
