#include "budget_options.hpp"

#include "assay/base/error.hpp"

#include <utility>

#include <fmt/format.h>

namespace assay::cli {

OptionGroup budget_options(std::string title) {
  return {std::move(title),
          {{"latency-ms", "MS", "estimated latency", ""},
           {"memory-kib", "KIB", "peak memory, as the accelerator counts it", ""},
           {"params", "N", "parameters", ""},
           {"macs", "N", "multiply-accumulates", ""}}};
}

Budget budget_of(const Arguments& arguments, bool has_estimator) {
  Budget budget;
  const auto limit = [&](const char* option, Metric metric, double unit) {
    if (const auto value = arguments.number(option, 0, 1e15)) budget.set(metric, *value * unit);
  };
  limit("latency-ms", Metric::latency, 1);
  limit("memory-kib", Metric::memory, 1024);
  limit("params", Metric::params, 1);
  limit("macs", Metric::macs, 1);
  if (budget.limited(Metric::latency) && !has_estimator) {
    throw InputError(fmt::format(
        "assay {}: --latency-ms needs to know the hardware. Add --accelerator FILE or --estimator FILE.",
        arguments.command_name()));
  }
  return budget;
}

}  // namespace assay::cli
