// Budget files: what models may cost on which accelerators, as TOML with the unit in the key.
//
//   accelerator = "npu.toml"             # what follows is about it; or a list, or estimator = "fitted.json"
//
//   [[check]]
//   model = "models/*.onnx"              # patterns, see matches(); every model where the key is missing
//   params = 4_000_000                   # a number is the limit: more is an error
//   latency_ms = { max = 4, max_regression_percent = 3, bound = "high" }
//   peak_memory_kib = [{ max = 512 }, { max = 480, level = "warn" }]
//   score_percentile = { min = 50, space = "spaces/mobilenetv2.toml" }
//
// Every [[check]] whose patterns match a model applies to it. Paths are relative to the file.
#pragma once

#include "assay/base/toml_table.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class CheckMetric : std::uint8_t {
  latency_ms,
  peak_memory_bytes,  // of one image, as the accelerator counts
  weight_bytes,       // in the accelerator's number format
  params,
  macs,
  score_percentile,  // how many percent of a space's random candidates have a lower rank score
};
inline constexpr std::size_t check_metric_count = 6;
// "latency_ms": the name and the unit of values.
std::string_view to_string(CheckMetric metric);
// Whether it is a number of the accelerator as well as of the model.
bool needs_accelerator(CheckMetric metric);

enum class Severity : std::uint8_t { warn, error };
std::string_view to_string(Severity severity);

struct Limit {
  enum class Kind : std::uint8_t {
    most,        // value <= amount
    least,       // value >= amount
    regression,  // value <= baseline * (1 + amount / 100)
  };
  CheckMetric metric = CheckMetric::latency_ms;
  Kind kind = Kind::most;
  double amount = 0;  // in the metric's unit; percent for a regression
  Severity severity = Severity::error;
  bool upper_bound = false;  // of latency: the upper end of its interval is judged
  std::string space;         // of score_percentile: the space's path
  TextPlace place;
};

// An accelerator file, or an estimator fitted to measurements.
struct TargetFile {
  std::string path;
  bool estimator = false;
  friend bool operator==(const TargetFile&, const TargetFile&) = default;
};
// "edge_npu_16" for "spaces/accelerators/edge_npu_16.toml": what reports and baselines call it.
std::string target_name(const TargetFile& target);

struct BudgetEntry {
  std::vector<std::string> models;  // patterns
  std::vector<TargetFile> targets;
  std::vector<Limit> limits;
  TextPlace place;
};

struct BudgetFile {
  std::string source;  // as it was named
  std::vector<BudgetEntry> entries;

  // Paths in the result are those of the file, behind its folder. Throws InputError with file:line:column,
  // the cause, and the remedy (nearest known key, valid range).
  static BudgetFile load(const std::string& path);
  static BudgetFile parse(std::string_view toml, const std::string& source);
};

// Gives the targets to entries that name none; false where there is no such entry. Throws InputError for an
// entry that has a limit that needs a target and none in the end, and for two different files of one target
// name.
bool complete_targets(BudgetFile& file, const std::vector<TargetFile>& targets);

// `model` is a path relative to the budget file. A pattern without "/" is compared with the file name, with
// and without its ending, another one with the path. * and ? and [...] stand for any characters, "/" too.
bool matches(const BudgetEntry& entry, std::string_view model);

}  // namespace assay
