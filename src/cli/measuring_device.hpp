// What `assay measure` times things on: this machine's CPU, or the cycle model of an accelerator file.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/accelerator/host_measurement.hpp"

#include "arguments.hpp"

#include <memory>
#include <span>
#include <vector>

namespace assay::cli {

class MeasuringDevice {
 public:
  virtual ~MeasuringDevice() = default;
  // Fusion rules, and what an estimator of the device is fitted under.
  virtual const Accelerator& accelerator() const = 0;
  virtual MeasurementContext context() const = 0;
  // Latencies of the first items, at least one.
  virtual std::vector<HostLatency> measure(std::span<const Subgraph> items) = 0;
  virtual std::vector<HostLatency> measure(std::span<const Network* const> items) = 0;
};

OptionGroup device_options();
// From --device and the options that belong to it. Throws InputError for options of the other kind of device.
std::unique_ptr<MeasuringDevice> make_device(const Arguments& arguments);

}  // namespace assay::cli
