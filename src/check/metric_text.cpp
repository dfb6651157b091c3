#include "metric_text.hpp"

#include "assay/base/text.hpp"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

std::string exact_text(CheckMetric metric, double value) {
  const std::string number = value == std::floor(value) ? fmt::format("{:.0f}", value) : exact_number(value);
  switch (metric) {
    case CheckMetric::latency_ms:
      return number + " ms";
    case CheckMetric::peak_memory_bytes:
    case CheckMetric::weight_bytes:
      return number + " B";
    case CheckMetric::score_percentile:
      return number + " %";
    case CheckMetric::params:
    case CheckMetric::macs:
      break;
  }
  return number;
}

}  // namespace

std::string_view metric_title(CheckMetric metric) {
  constexpr std::array<std::string_view, check_metric_count> titles = {
      "latency", "peak memory", "weights", "parameters", "MACs", "score percentile"};
  return titles[static_cast<std::size_t>(metric)];
}

std::string metric_text(CheckMetric metric, double value) {
  switch (metric) {
    case CheckMetric::latency_ms:
      return fmt::format("{:.4g} ms", value);
    case CheckMetric::peak_memory_bytes:
    case CheckMetric::weight_bytes:
      return human_bytes(static_cast<std::uint64_t>(std::max(0.0, value)));
    case CheckMetric::score_percentile:
      return fmt::format("{:.4g} %", value);
    case CheckMetric::params:
    case CheckMetric::macs:
      break;
  }
  return human_count(value);
}

ComparedTexts compared_texts(CheckMetric metric, double value, double other) {
  const ComparedTexts texts = {metric_text(metric, value), metric_text(metric, other)};
  if (value == other || texts.value != texts.other) return texts;
  return {exact_text(metric, value), exact_text(metric, other)};
}

std::string change_text(CheckMetric metric, double change) {
  const double size = std::abs(change);
  const std::string text =
      metric == CheckMetric::latency_ms ? fmt::format("{:.3g} ms", size) : metric_text(metric, size);
  return (change < 0 ? "-" : "+") + text;
}

std::string percent_change_text(double percent) {
  // What would be rounded to nothing is not nothing.
  if (percent != 0 && std::abs(percent) < 0.05) return fmt::format("{:+.2g} %", percent);
  return fmt::format("{:+.1f} %", percent);
}

}  // namespace assay
