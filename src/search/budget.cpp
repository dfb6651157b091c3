#include "assay/search/budget.hpp"

#include "assay/base/text.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace assay {
namespace {

// How people give and read a metric: the command-line option, its unit, and how many base units that is.
struct Presentation {
  std::string_view name;
  std::string_view option;
  std::string_view unit;
  double scale;
};

const Presentation& presentation(Metric metric) {
  static constexpr std::array<Presentation, metric_count> all = {{
      {"params", "--params", "", 1},
      {"macs", "--macs", "", 1},
      {"memory", "--memory-kib", " KiB", 1024},
      {"latency", "--latency-ms", " ms", 1},
  }};
  return all[static_cast<std::size_t>(metric)];
}

// To six significant digits, so that a limit of the number shown is met.
double rounded_up(double value) {
  if (value <= 0) return value;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(value)));
  return scale < 1 ? std::ceil(value) : std::ceil(value * scale) / scale;
}

std::string limit_line(const Budget& budget, const Counts& counts, Metric metric) {
  const Presentation& shown = presentation(metric);
  const auto at = static_cast<std::size_t>(metric);
  std::string line = fmt::format("\n  {} {}: rejected {}", shown.option,
                                 exact_number(budget.limit(metric) / shown.scale), counts.over_budget[at]);
  if (std::isfinite(counts.smallest[at])) {
    line += fmt::format("; the smallest {} seen is {}{}.", shown.name,
                        exact_number(rounded_up(counts.smallest[at] / shown.scale)), shown.unit);
  } else {
    line += fmt::format("; no {} is known.", shown.name);
  }
  return line;
}

std::string build_failure_lines(const Counts& counts) {
  std::string lines;
  for (const auto& [reason, count] : counts.build_failures) {
    lines += fmt::format("\n  {} could not be built: {}", count, reason);
  }
  return lines;
}

// Reasons may name sizes, so that there can be as many as candidates.
void count_reason(std::map<std::string, std::int64_t>& counts, const std::string& reason) {
  constexpr std::size_t kept = 16;
  const bool keep = counts.contains(reason) || counts.size() < kept;
  ++counts[keep ? reason : "other reasons"];
}

}  // namespace

std::string_view metric_name(Metric metric) {
  return presentation(metric).name;
}

double metric_value(const Costs& costs, Metric metric) {
  switch (metric) {
    case Metric::params:
      return static_cast<double>(costs.params);
    case Metric::macs:
      return static_cast<double>(costs.macs);
    case Metric::memory:
      return static_cast<double>(costs.peak_memory_bytes);
    case Metric::latency:
      break;
  }
  return costs.latency_ms;
}

std::optional<Metric> Budget::exceeded(const Costs& costs) const {
  for (const Metric metric : all_metrics) {
    // Written so that a NaN fails.
    if (limited(metric) && !(metric_value(costs, metric) <= limit(metric))) return metric;
  }
  return std::nullopt;
}

double Budget::violation(const Costs& costs) const {
  constexpr double unknown = 1e6;
  double sum = 0;
  for (const Metric metric : all_metrics) {
    const double value = metric_value(costs, metric);
    if (!limited(metric) || value <= limit(metric)) continue;
    sum += std::isnan(value) || limit(metric) <= 0 ? unknown : value / limit(metric) - 1;
  }
  return sum;
}

std::int64_t Counts::over_budget_total() const {
  return std::accumulate(over_budget.begin(), over_budget.end(), std::int64_t{0});
}

void Counts::count_build_failure(const std::string& reason) {
  ++unbuildable;
  count_reason(build_failures, reason);
}

void Counts::count_score_failure(const std::string& status) {
  ++failed;
  count_reason(score_failures, status.substr(0, status.find(':')));
}

std::string explain_rejections(const Budget& budget, const Counts& counts, const std::string& space_source) {
  const std::int64_t distinct = counts.distinct();
  if (counts.over_budget_total() == 0) {
    return fmt::format(
        "None of the {} distinct candidates proposed from {} can be built:{}\n"
        "Correct the options named there.",
        distinct, space_source, build_failure_lines(counts));
  }
  std::string text = fmt::format(
      "No candidate of {} meets the budget: {} distinct candidates were tried ({} proposals), each "
      "counted under the first of these limits that it exceeds.",
      space_source, distinct, counts.proposed);
  bool each_can_be_met = true;
  for (const Metric metric : all_metrics) {
    if (!budget.limited(metric)) continue;
    text += limit_line(budget, counts, metric);
    each_can_be_met &= counts.smallest[static_cast<std::size_t>(metric)] <= budget.limit(metric);
  }
  text += build_failure_lines(counts);
  text +=
      each_can_be_met
          ? "\nEach limit can be met, but not all at once: raise one of them, or add smaller options to "
            "the space."
          : "\nRaise the limits to the smallest values seen or more, or add smaller options to the space.";
  return text;
}

}  // namespace assay
