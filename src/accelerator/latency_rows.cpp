#include "assay/accelerator/latency_rows.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::array<std::string_view, 12> columns = {"latency_ms",   "min_ms",  "median_ms", "noise_percent",
                                                      "reference_ms", "unit",    "device",    "batch",
                                                      "data_type",    "runtime", "clock_mhz", "threads"};

// The fields of one row, with the place for messages.
class Fields {
 public:
  Fields(const FieldOf& field_of, const std::string& place) : field_of_(field_of), place_(place) {}

  std::string_view text(std::string_view column) const { return trim(field_of_(column)); }

  double latency(std::string_view column) const {
    const std::string_view field = text(column);
    if (field.empty()) {
      fail(fmt::format("{} is missing. Give the measured milliseconds, or remove the row.", column));
    }
    const std::optional<double> value = parse_number(field);
    if (!value || *value <= 0) {
      fail(fmt::format("{} is \"{}\". Give a positive number of milliseconds, or remove the row.", column,
                       field));
    }
    return *value;
  }

  // 0 where the column is empty or missing.
  double optional_number(std::string_view column) const {
    const std::string_view field = text(column);
    if (field.empty()) return 0;
    const std::optional<double> value = parse_number(field);
    if (!value || *value < 0) {
      fail(
          fmt::format("{} is \"{}\". Give a number that is not negative, or leave it empty.", column, field));
    }
    return *value;
  }

  int count(std::string_view column) const {
    const std::string_view field = text(column);
    if (field.empty()) return 1;
    const std::optional<std::int64_t> value = parse_integer(field);
    constexpr int most = 1 << 24;
    if (!value || *value < 1 || *value > most) {
      fail(
          fmt::format("{} is \"{}\". Give an integer from 1 to {}, or leave it empty.", column, field, most));
    }
    return static_cast<int>(*value);
  }

  [[noreturn]] void fail(const std::string& text) const {
    throw InputError(fmt::format("{}: {}", place_, text));
  }

 private:
  const FieldOf& field_of_;
  const std::string& place_;
};

std::string number_or_empty(double value) {
  return value > 0 ? exact_number(value) : std::string();
}

// The value below which `share` of the values lie.
double quantile(std::vector<double>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// From the unit that the column's name ends with.
double milliseconds(double value, std::string_view column) {
  if (column.ends_with("_per_s")) return 1000 / value;
  if (column.ends_with("_us")) return value / 1000;
  return column.ends_with("_s") ? value * 1000 : value;
}

}  // namespace

std::span<const std::string_view> timing_columns() {
  return columns;
}

std::vector<std::string> timing_fields(const MeasurementContext& context, double latency_ms,
                                       const Timing& timing) {
  return {exact_number(latency_ms),
          number_or_empty(timing.min_ms),
          number_or_empty(timing.median_ms),
          number_or_empty(timing.noise_percent),
          number_or_empty(timing.reference_ms),
          "ms",
          context.device,
          std::to_string(context.batch),
          context.data_type,
          context.runtime,
          number_or_empty(context.clock_mhz),
          std::to_string(context.threads)};
}

TimedRow read_timed_row(const FieldOf& field_of, std::string_view target, const std::string& place) {
  const Fields fields(field_of, place);
  if (const std::string_view unit = fields.text("unit"); !unit.empty() && unit != "ms") {
    fields.fail(
        fmt::format("the unit is \"{}\". Convert {} to milliseconds and write \"ms\".", unit, target));
  }
  TimedRow row;
  row.latency_ms = milliseconds(fields.latency(target), target);
  row.timing = {fields.optional_number("min_ms"), fields.optional_number("median_ms"),
                fields.optional_number("noise_percent"), fields.optional_number("reference_ms")};
  // Between the least and twice the median of the repeats, whatever statistic it is.
  const auto [min_ms, median_ms] = std::pair(row.timing.min_ms, row.timing.median_ms);
  if (target == "latency_ms" &&
      ((min_ms > 0 && row.latency_ms < min_ms / 2) || (median_ms > 0 && row.latency_ms > 2 * median_ms))) {
    fields.fail(
        fmt::format("latency_ms is {}, which min_ms ({}) and median_ms ({}) contradict. Give all of them "
                    "in milliseconds.",
                    row.latency_ms, min_ms, median_ms));
  }
  row.context.device = fields.text("device");
  row.context.batch = fields.count("batch");
  row.context.data_type = fields.text("data_type");
  row.context.runtime = fields.text("runtime");
  row.context.clock_mhz = fields.optional_number("clock_mhz");
  row.context.threads = fields.count("threads");
  return row;
}

void check_unit(std::span<const LatencyRow> rows, std::string_view target, const std::string& source,
                const Accelerator* accelerator) {
  std::vector<double> rates;  // multiply-accumulates a second
  for (const LatencyRow& row : rows) {
    if (row.macs > 0) rates.push_back(row.macs / (row.latency_ms * 1e-3));
  }
  if (rates.empty()) return;
  const double peak =
      accelerator != nullptr ? accelerator->macs_per_cycle() * accelerator->clock_mhz * 1e6 : 0;
  const double highest = peak > 0 ? 3 * peak : 1e15;
  const double lowest = peak > 0 ? 1e-3 * peak : 1e6;
  const std::string speed =
      peak > 0 ? fmt::format("the accelerator \"{}\" does {:.3g} at its peak", accelerator->name, peak)
               : std::string("no hardware is like that");
  const double median = quantile(rates, 0.5);
  if (median > highest) {
    throw InputError(fmt::format(
        "{}: {} can hardly be milliseconds: the median row would do {:.3g} multiply-accumulates a "
        "second, and {}. If the column holds seconds, multiply it by 1000.",
        source, target, median, speed));
  }
  constexpr double too_quick_ms = 1e-5;  // 10 ns
  const auto too_quick = std::ranges::count_if(
      rows, [](const LatencyRow& row) { return row.macs > 0 && row.latency_ms < too_quick_ms; });
  if (20 * too_quick > std::ssize(rows)) {
    throw InputError(fmt::format(
        "{}: {} can hardly be milliseconds: {} rows would take less than 10 nanoseconds. If the column holds "
        "seconds, multiply it by 1000.",
        source, target, too_quick));
  }
  const double fast = quantile(rates, 0.9);
  if (fast < lowest) {
    throw InputError(fmt::format(
        "{}: {} can hardly be milliseconds: even the fastest rows would do only {:.3g} "
        "multiply-accumulates a second, and {}. If the column holds microseconds, divide it by 1000; "
        "nanoseconds, by 1000000.",
        source, target, fast, speed));
  }
}

std::vector<MergedRow> merge_duplicates(std::span<const LatencyRow> rows, std::string_view target,
                                        std::string_view what, const std::string& source) {
  constexpr double contradictory = 1.5;
  std::vector<std::vector<const LatencyRow*>> groups;
  std::unordered_map<std::uint64_t, std::size_t> group_of;
  for (const LatencyRow& row : rows) {
    const auto [found, is_new] = group_of.emplace(row.key, groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(&row);
  }
  std::vector<MergedRow> merged;
  merged.reserve(groups.size());
  for (std::vector<const LatencyRow*>& group : groups) {
    const auto first = static_cast<std::size_t>(group[0] - rows.data());
    std::ranges::stable_sort(group, {}, &LatencyRow::latency_ms);
    const LatencyRow& low = *group.front();
    const LatencyRow& high = *group.back();
    if (high.latency_ms > contradictory * low.latency_ms) {
      throw InputError(fmt::format(
          "{}:{}: {} is {}, but line {} says {} for the same {}. Remove the wrong row.", source,
          std::max(low.line, high.line), target, exact_number((low.line > high.line ? low : high).latency_ms),
          std::min(low.line, high.line), exact_number((low.line > high.line ? high : low).latency_ms), what));
    }
    const std::size_t middle = group.size() / 2;
    const double median = group.size() % 2 == 1
                              ? group[middle]->latency_ms
                              : (group[middle - 1]->latency_ms + group[middle]->latency_ms) / 2;
    merged.push_back({first, median});
  }
  return merged;
}

}  // namespace assay
