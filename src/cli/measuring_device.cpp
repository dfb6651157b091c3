#include "measuring_device.hpp"

#include "assay/accelerator/cycle_model.hpp"
#include "assay/accelerator/measurement.hpp"
#include "assay/base/error.hpp"

#include <fmt/format.h>

namespace assay::cli {
namespace {

class HostDevice : public MeasuringDevice {
 public:
  explicit HostDevice(const HostOptions& options) : accelerator_(host_accelerator()), meter_(options) {}

  const Accelerator& accelerator() const override { return accelerator_; }
  MeasurementContext context() const override { return meter_.context(); }
  std::vector<HostLatency> measure(std::span<const Subgraph> items) override { return meter_.measure(items); }
  std::vector<HostLatency> measure(std::span<const Network* const> items) override {
    return meter_.measure(items);
  }

 private:
  Accelerator accelerator_;
  HostMeter meter_;
};

class ModelDevice : public MeasuringDevice {
 public:
  ModelDevice(Accelerator accelerator, double noise, std::uint64_t seed)
      : accelerator_(std::move(accelerator)), noise_(noise), seed_(seed), splitter_(accelerator_.fusion) {
    require_cycle_model(accelerator_);
  }

  const Accelerator& accelerator() const override { return accelerator_; }
  MeasurementContext context() const override { return measure_on_model(accelerator_, {}).context; }

  std::vector<HostLatency> measure(std::span<const Subgraph> items) override {
    std::vector<HostLatency> latencies;
    for (const SubgraphMeasurement& row : measure_on_model(accelerator_, items, noise_, seed_).rows)
      latencies.push_back({row.latency_ms, {}});
    return latencies;
  }

  std::vector<HostLatency> measure(std::span<const Network* const> items) override {
    std::vector<HostLatency> latencies;
    std::vector<Subgraph> subgraphs;
    for (const Network* network : items) {
      subgraphs.clear();
      for (const SubgraphInstance& instance : splitter_.split(*network))
        subgraphs.push_back(instance.subgraph);
      latencies.push_back({});
      for (const HostLatency& part : measure(subgraphs)) latencies.back().latency_ms += part.latency_ms;
    }
    return latencies;
  }

 private:
  Accelerator accelerator_;
  double noise_;
  std::uint64_t seed_;
  SubgraphSplitter splitter_;
};

}  // namespace

OptionGroup device_options() {
  const HostOptions usual;
  return {
      "Device",
      {{"device", "cpu|ACCELERATOR.toml", "this machine's CPU, or the cycle model of an accelerator file", ""},
       {"repeats", "N", "how often each thing is timed (cpu)", std::to_string(usual.repeats)},
       {"threads", "N", "threads of convolutions and linear operators (cpu)", std::to_string(usual.threads)},
       {"batch", "N", "images at a time (cpu)", std::to_string(usual.batch)},
       {"noise", "X", "standard deviation of the logarithm of a random factor on each subgraph (cycle model)",
        "0"}}};
}

std::unique_ptr<MeasuringDevice> make_device(const Arguments& arguments) {
  const std::string device = arguments.text("device").value_or("");
  if (device.empty()) {
    throw InputError(
        "assay measure: --device is missing. Give --device cpu, or --device with an accelerator file such as "
        "those in spaces/accelerators.");
  }
  const bool host = device == "cpu";
  const std::vector<std::string> of_the_other =
      host ? std::vector<std::string>{"noise"} : std::vector<std::string>{"repeats", "threads", "batch"};
  for (const std::string& option : of_the_other) {
    if (!arguments.given(option)) continue;
    throw InputError(fmt::format("assay measure: --{} has no meaning for {}. Leave it out.", option,
                                 host ? "this machine's CPU" : "a cycle model"));
  }
  const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  if (!host) {
    const double noise = arguments.number("noise", 0, 1).value();
    return std::make_unique<ModelDevice>(Accelerator::load(device), noise, seed);
  }
  HostOptions options;
  options.repeats = static_cast<int>(arguments.integer("repeats", 4, 1'000'000).value());
  options.threads = static_cast<int>(arguments.integer("threads", 1, 1024).value());
  options.batch = static_cast<int>(arguments.integer("batch", 1, 65536).value());
  options.seed = seed;
  return std::make_unique<HostDevice>(options);
}

}  // namespace assay::cli
