#include "assay/check/budget_file.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fnmatch.h>

namespace assay {
namespace {

namespace fs = std::filesystem;

// A key of [[check]]: a metric in some unit.
struct MetricKey {
  std::string_view name;
  CheckMetric metric;
  double unit;  // of the metric's own
};
constexpr double kib = 1024, mib = 1024 * 1024;
constexpr std::array<MetricKey, 11> metric_keys = {{
    {"latency_ms", CheckMetric::latency_ms, 1},
    {"latency_us", CheckMetric::latency_ms, 1e-3},
    {"peak_memory_bytes", CheckMetric::peak_memory_bytes, 1},
    {"peak_memory_kib", CheckMetric::peak_memory_bytes, kib},
    {"peak_memory_mib", CheckMetric::peak_memory_bytes, mib},
    {"weight_bytes", CheckMetric::weight_bytes, 1},
    {"weight_kib", CheckMetric::weight_bytes, kib},
    {"weight_mib", CheckMetric::weight_bytes, mib},
    {"params", CheckMetric::params, 1},
    {"macs", CheckMetric::macs, 1},
    {"score_percentile", CheckMetric::score_percentile, 1},
}};

// In the metric's unit. Powers of two lose nothing; thousandths are rounded to what the decimal means, since
// a value that equals a limit keeps it.
double amount_of(const MetricKey& key, double written) {
  return key.unit < 1 ? parse_number(fmt::format("{:.15g}", written * key.unit)).value() : written * key.unit;
}

constexpr Range any_amount = {0, 1e18};
constexpr Range any_percent = {0, 1e6};

std::string behind(const fs::path& folder, const std::string& path) {
  return (folder / path).lexically_normal().string();
}

std::vector<TargetFile> read_targets(const TomlTable& table, const fs::path& folder) {
  std::vector<TargetFile> targets;
  for (const auto& [key, estimator] : {std::pair{"accelerator", false}, std::pair{"estimator", true}}) {
    for (const std::string& path : table.text_or_texts(key).value_or(std::vector<std::string>{})) {
      if (path.empty()) table.fail(key, "holds an empty path. Name a file.");
      const TargetFile target{behind(folder, path), estimator};
      if (std::ranges::find(targets, target) == targets.end()) targets.push_back(target);
    }
  }
  return targets;
}

// What limits of one metric may say at length.
struct Usual {
  std::optional<std::string> space;
  fs::path folder;
};

// A table may hold two limits, an absolute one and one of regression.
void read_limits(const TomlTable& table, const MetricKey& key, const TextPlace& place, const Usual& usual,
                 std::vector<Limit>& limits) {
  const bool percentile = key.metric == CheckMetric::score_percentile;
  Limit limit;
  limit.metric = key.metric;
  limit.place = place;
  limit.severity = table.choice("level", {"warn", "error"}) == 0 ? Severity::warn : Severity::error;
  if (key.metric == CheckMetric::latency_ms)
    limit.upper_bound = table.choice("bound", {"point", "high"}) == 1;
  if (percentile) {
    const auto space = table.text("space");
    if (!space && !usual.space)
      table.fail("", "does not say which space to compare with. Add space = \"SPACE.toml\".");
    limit.space = space ? behind(usual.folder, *space) : *usual.space;
  }
  const std::size_t before = limits.size();
  if (const auto amount = percentile ? table.number("min", {0, 100}) : table.number("max", any_amount)) {
    limit.kind = percentile ? Limit::Kind::least : Limit::Kind::most;
    limit.amount = amount_of(key, *amount);
    limits.push_back(limit);
  }
  if (percentile) {
    if (limits.size() == before) table.fail("", "sets no limit. Add min.");
    return;
  }
  if (const auto percent = table.number("max_regression_percent", any_percent)) {
    limit.kind = Limit::Kind::regression;
    limit.amount = *percent;
    limits.push_back(limit);
  }
  if (limits.size() == before) table.fail("", "sets no limit. Add max or max_regression_percent.");
}

std::vector<TomlElement> elements_of(const TomlTable& table, const MetricKey& key) {
  switch (key.metric) {
    case CheckMetric::latency_ms:
      return table.elements(key.name, {"max", "max_regression_percent", "level", "bound"});
    case CheckMetric::score_percentile:
      return table.elements(key.name, {"min", "level", "space"});
    default:
      return table.elements(key.name, {"max", "max_regression_percent", "level"});
  }
}

void read_metric(const TomlTable& table, const MetricKey& key, const Usual& usual,
                 std::vector<Limit>& limits) {
  for (const TomlElement& element : elements_of(table, key)) {
    if (element.table) {
      read_limits(*element.table, key, element.place, usual, limits);
      continue;
    }
    const bool percentile = key.metric == CheckMetric::score_percentile;
    const double most = percentile ? 100 : any_amount.max;
    if (!(*element.number >= 0 && *element.number <= most))
      table.fail(key.name, fmt::format("is {}. Give a number from 0 to {}.", *element.number, most));
    if (percentile && !usual.space)
      table.fail(key.name,
                 "does not say which space to compare with. Write { min = 50, space = \"SPACE.toml\" }.");
    limits.push_back({.metric = key.metric,
                      .kind = percentile ? Limit::Kind::least : Limit::Kind::most,
                      .amount = amount_of(key, *element.number),
                      .space = percentile ? *usual.space : "",
                      .place = element.place});
  }
}

}  // namespace

std::string_view to_string(CheckMetric metric) {
  constexpr std::array<std::string_view, check_metric_count> names = {
      "latency_ms", "peak_memory_bytes", "weight_bytes", "params", "macs", "score_percentile"};
  return names[static_cast<std::size_t>(metric)];
}

bool needs_accelerator(CheckMetric metric) {
  return metric == CheckMetric::latency_ms || metric == CheckMetric::peak_memory_bytes ||
         metric == CheckMetric::weight_bytes;
}

std::string_view to_string(Severity severity) {
  return severity == Severity::warn ? "warn" : "error";
}

std::string target_name(const TargetFile& target) {
  return fs::path(target.path).stem().string();
}

BudgetFile BudgetFile::load(const std::string& path) {
  return parse(read_file(path), path);
}

BudgetFile BudgetFile::parse(std::string_view toml, const std::string& source) {
  const TomlTable document = TomlTable::parse(toml, source, {"accelerator", "estimator", "space", "check"});
  const fs::path folder = fs::path(source).parent_path();
  Usual usual{.space = document.text("space"), .folder = folder};
  if (usual.space) usual.space = behind(folder, *usual.space);
  const std::vector<TargetFile> usual_targets = read_targets(document, folder);

  BudgetFile file{.source = source, .entries = {}};
  for (const TomlTable& table :
       document.tables("check", {"model", "accelerator", "estimator", "latency_ms", "latency_us",
                                 "peak_memory_bytes", "peak_memory_kib", "peak_memory_mib", "weight_bytes",
                                 "weight_kib", "weight_mib", "params", "macs", "score_percentile"})) {
    BudgetEntry entry{.models = table.text_or_texts("model").value_or(std::vector<std::string>{"*"}),
                      .targets = read_targets(table, folder),
                      .limits = {},
                      .place = table.place()};
    if (entry.models.empty() || std::ranges::find(entry.models, "") != entry.models.end())
      table.fail("model", "names no model. Give a path, a pattern, or leave it out.");
    if (entry.targets.empty()) entry.targets = usual_targets;
    for (const MetricKey& key : metric_keys) read_metric(table, key, usual, entry.limits);
    if (entry.limits.empty())
      throw InputError(
          fmt::format("{}:{}:{}: this [[check]] limits nothing. Add a limit, such as latency_ms = 4.0.",
                      source, entry.place.line, entry.place.column));
    file.entries.push_back(std::move(entry));
  }
  if (file.entries.empty())
    throw InputError(
        fmt::format("{}: holds no [[check]], so nothing is limited. Add one with a limit, such "
                    "as latency_ms = 4.0.",
                    source));
  return file;
}

bool complete_targets(BudgetFile& file, const std::vector<TargetFile>& targets) {
  bool used = false;
  std::map<std::string, TargetFile> by_name;
  for (BudgetEntry& entry : file.entries) {
    if (entry.targets.empty()) {
      entry.targets = targets;
      used = true;
    }
    for (const Limit& limit : entry.limits) {
      if (!needs_accelerator(limit.metric) || !entry.targets.empty()) continue;
      throw InputError(fmt::format(
          "{}:{}:{}: {} is a number of a model on an accelerator, and none is named. Add accelerator = "
          "\"FILE.toml\" or estimator = \"FILE.json\", there or at the top of the file, or give "
          "--accelerator.",
          file.source, limit.place.line, limit.place.column, to_string(limit.metric)));
    }
    for (const TargetFile& target : entry.targets) {
      const auto [known, is_new] = by_name.try_emplace(target_name(target), target);
      if (is_new || known->second == target) continue;
      throw InputError(
          fmt::format("{}: {} and {} would both be called {} in reports and baselines. Rename one of them.",
                      file.source, known->second.path, target.path, known->first));
    }
  }
  return used;
}

bool matches(const BudgetEntry& entry, std::string_view model) {
  const fs::path path(model);
  return std::ranges::any_of(entry.models, [&](const std::string& pattern) {
    const auto is = [&](const std::string& text) { return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0; };
    if (pattern.find('/') != std::string::npos)
      return is(path.string()) || pattern == path.string() ||
             fs::path(pattern).lexically_normal().string() == path.string();
    return is(path.filename().string()) || is(path.stem().string());
  });
}

}  // namespace assay
