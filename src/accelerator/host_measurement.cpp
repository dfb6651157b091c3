#include "assay/accelerator/host_measurement.hpp"

#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"
#include "assay/runtime/runtime.hpp"

#include "host_subgraph.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <sys/resource.h>

namespace assay {
namespace {

// More items than this in turn would only postpone the first results.
constexpr std::size_t most_items = 200;

// Times that another program took the processor away from this thread.
long interruptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double quantile(std::vector<double> values, double share) {
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(at);
  std::ranges::sort(values);
  const auto above = std::min(below + 1, static_cast<std::ptrdiff_t>(values.size()) - 1);
  const double weight = at - static_cast<double>(below);
  return (1 - weight) * values[static_cast<std::size_t>(below)] +
         weight * values[static_cast<std::size_t>(above)];
}

// As many digits as mean something: nanoseconds.
double milliseconds(double seconds) {
  return std::round(1e9 * seconds) / 1e6;
}

HostLatency summary(const std::vector<double>& seconds, double reference_ms) {
  std::array<std::vector<double>, 2> halves;
  for (std::size_t i = 0; i < seconds.size(); ++i) halves[i % 2].push_back(seconds[i]);
  const double even = quantile(halves[0], 0.5), odd = quantile(halves[1], 0.5);
  return {.latency_ms = milliseconds(quantile(seconds, 0.25)),
          .timing = {.min_ms = milliseconds(quantile(seconds, 0)),
                     .median_ms = milliseconds(quantile(seconds, 0.5)),
                     .noise_percent = std::round(1e4 * std::abs(even - odd) / (0.5 * (even + odd))) / 100,
                     .reference_ms = reference_ms}};
}

// The machine's speed is what it does with these: a dense, a pointwise and a depthwise convolution that stay
// in the second-level cache. With more to read, the time depended on what else took turns.
Network reference_network() {
  NetworkBuilder b({64, 14, 14});
  const OpId dense = b.convolution(0, 128, Window::square(3), "dense");
  const OpId pointwise = b.convolution(dense, 192, Window(), "pointwise");
  return std::move(b).finish(b.convolution(pointwise, 192, Window::square(3), "depthwise", 192));
}

// Whatever ran before, the caches hold none of an item's weights and code when its turn comes: else fifteen
// small networks in turn were up to half faster than forty of them.
class CacheEviction {
 public:
  void run() {
    constexpr std::size_t line = 64;
    for (std::size_t i = 0; i < memory_.size(); i += line) ++memory_[i];
  }

 private:
  // More than a core's usual share of a third-level cache. What machines say of its size is of no use: a
  // virtual one names that of the whole processor.
  static constexpr std::size_t bytes = std::size_t{64} << 20;
  std::vector<unsigned char> memory_ = std::vector<unsigned char>(bytes);
};

// One thing that takes turns, and how long it took each time.
class Item {
 public:
  // `main`: the operator whose kernel is timed; none: the whole network.
  Item(Worker& worker, const Network& network, std::optional<OpId> main, const CompileOptions& options)
      : executable_(worker, network, options), main_(main) {
    if (main) profile_.resize(static_cast<std::size_t>(network.size()));
    executable_.initialise(Initialisation::kaiming_normal_fan_in, 1, 1);
  }

  std::int64_t bytes() const { return executable_.parameter_bytes(); }

  void run(int threads, bool recorded) {
    // Whoever needs an image has just made it.
    std::ranges::fill(executable_.input(), 0.5f);
    const long before = interruptions();
    const double seconds = main_ ? run_subgraph() : run_network(threads);
    if (!recorded) return;
    all_.push_back(seconds);
    // A network's time is the thread's own.
    if (!main_ || interruptions() == before) undisturbed_.push_back(seconds);
  }

  // A machine that is busy all the time leaves too few undisturbed runs to be choosy.
  const std::vector<double>& seconds() const {
    return undisturbed_.size() >= all_.size() / 4 + 2 ? undisturbed_ : all_;
  }

 private:
  double run_subgraph() {
    std::ranges::fill(profile_, 0);
    executable_.profile(profile_);
    return profile_[static_cast<std::size_t>(*main_)];
  }

  double run_network(int threads) {
    const auto now = threads == 1 ? thread_seconds : wall_seconds;
    const double start = now();
    executable_.forward();
    return now() - start;
  }

  Executable executable_;
  std::optional<OpId> main_;
  std::vector<double> profile_;
  std::vector<double> all_, undisturbed_;
};

}  // namespace

struct HostMeter::Implementation {
  explicit Implementation(const HostOptions& given) : options(given), worker(given.threads) {
    compile.batch = options.batch;
    compile.inference = true;
    compile.shared_arena = true;
  }

  // `make(i)` compiles item i.
  template <class Make>
  std::vector<HostLatency> measure(std::size_t count, Make&& make) {
    CompileOptions one_image = compile;
    one_image.batch = 1;
    CacheEviction eviction;
    Item reference(worker, reference_network(), std::nullopt, one_image);
    std::vector<std::unique_ptr<Item>> items;
    std::int64_t bytes = 0;
    while (items.size() < std::min(count, most_items) && bytes < options.memory_bytes) {
      items.push_back(make(items.size()));
      bytes += items.back()->bytes();
    }
    std::vector<std::size_t> order(items.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int round = -1; round < options.repeats; ++round) {  // round -1 only fills the caches
      Random random(options.seed, Purpose::shuffle, 0, static_cast<std::uint64_t>(round + 1));
      std::ranges::shuffle(order, random);
      // What the items leave in the caches must not count: the first run clears that away.
      reference.run(options.threads, false);
      reference.run(options.threads, round >= 0);
      for (const std::size_t i : order) {
        eviction.run();
        items[i]->run(options.threads, round >= 0);
      }
    }
    const double reference_ms = milliseconds(quantile(reference.seconds(), 0.25));
    std::vector<HostLatency> latencies;
    for (const auto& item : items) latencies.push_back(summary(item->seconds(), reference_ms));
    return latencies;
  }

  HostOptions options;
  Worker worker;
  CompileOptions compile;
};

Accelerator host_accelerator() {
  Accelerator host;
  host.name = "host_cpu";
  host.clock_mhz = 2500;
  host.number_format = NumberFormat::fp32;
  host.macs_per_lane[static_cast<std::size_t>(NumberFormat::fp32)] = 1;
  host.depthwise = DepthwiseUnit::vector;
  host.fusion = host_fusion_rules();
  host.memory.bytes_per_element = host.bytes_per_element();
  host.weights_counted = true;
  return host;
}

HostMeter::HostMeter(const HostOptions& options) {
  constexpr int most_threads = 1024, most_images = 1 << 16;
  if (options.repeats < 4)
    throw InputError(
        fmt::format("{} repeats are too few to measure noise. Take at least 4.", options.repeats));
  if (options.threads < 1 || options.threads > most_threads || options.batch < 1 ||
      options.batch > most_images)
    throw InputError(
        fmt::format("{} threads on a batch of {} cannot be measured. Take 1 to {} threads and 1 to "
                    "{} images.",
                    options.threads, options.batch, most_threads, most_images));
  implementation_ = std::make_unique<Implementation>(options);
}

HostMeter::~HostMeter() = default;

MeasurementContext HostMeter::context() const {
  return {.device = "host_cpu",
          .batch = implementation_->options.batch,
          .data_type = "fp32",
          .runtime = runtime_description(),
          .clock_mhz = 0,
          .threads = implementation_->options.threads};
}

std::vector<HostLatency> HostMeter::measure(std::span<const Subgraph> items) {
  Implementation& i = *implementation_;
  return i.measure(items.size(), [&](std::size_t index) {
    const SubgraphNetwork made = network_of(items[index]);
    return std::make_unique<Item>(i.worker, made.network, made.main, i.compile);
  });
}

std::vector<HostLatency> HostMeter::measure(std::span<const Network* const> items) {
  Implementation& i = *implementation_;
  return i.measure(items.size(), [&](std::size_t index) {
    return std::make_unique<Item>(i.worker, *items[index], std::nullopt, i.compile);
  });
}

}  // namespace assay
