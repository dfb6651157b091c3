// Budgets: limits on what a network may cost, checked before anything is scored.
#pragma once

#include "assay/search/evaluator.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

// In the order in which limits are checked.
enum class Metric { params, macs, memory, latency };
constexpr std::size_t metric_count = 4;
constexpr std::array<Metric, metric_count> all_metrics = {Metric::params, Metric::macs, Metric::memory,
                                                          Metric::latency};

// "params", "macs", "memory", "latency".
std::string_view metric_name(Metric metric);
// In the metric's base unit: parameters, MACs, bytes, milliseconds.
double metric_value(const Costs& costs, Metric metric);

// Upper limits, inclusive, in base units; infinity means no limit.
class Budget {
 public:
  Budget() { limits_.fill(std::numeric_limits<double>::infinity()); }

  void set(Metric metric, double limit) { limits_[static_cast<std::size_t>(metric)] = limit; }
  double limit(Metric metric) const { return limits_[static_cast<std::size_t>(metric)]; }
  bool limited(Metric metric) const { return limit(metric) < std::numeric_limits<double>::infinity(); }

  // The first limit that the costs exceed. A latency that is not known exceeds every latency limit.
  std::optional<Metric> exceeded(const Costs& costs) const;
  // Sum over the exceeded limits of value / limit - 1: how far away the budget is. 0 when it is met.
  double violation(const Costs& costs) const;

 private:
  std::array<double, metric_count> limits_;
};

// Where all proposals went: proposed = duplicates + unbuildable + over_budget + evaluated, at the end of a
// generation. Every fingerprint is counted once; meeting it again is a duplicate.
struct Counts {
  std::int64_t proposed = 0;
  std::int64_t duplicates = 0;   // a fingerprint seen before, whatever had become of it
  std::int64_t unbuildable = 0;  // decoding failed
  std::array<std::int64_t, metric_count> over_budget{};  // by the first limit exceeded
  std::int64_t evaluated = 0;                            // scored, failures included
  std::int64_t failed = 0;                               // scored with a status other than good

  // Smallest value seen of each metric, over every candidate that could be built; infinity before the first.
  std::array<double, metric_count> smallest = {
      std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  // Why candidates could not be built, and how many; at most 16 reasons, later ones under "other reasons".
  std::map<std::string, std::int64_t> build_failures;
  // Why scores failed, as far as the first colon of the status ("not_executable"), counted likewise.
  std::map<std::string, std::int64_t> score_failures;

  std::int64_t over_budget_total() const;
  std::int64_t distinct() const { return proposed - duplicates; }
  void count_build_failure(const std::string& reason);
  void count_score_failure(const std::string& status);
};

// The sentences for a search in which nothing met the budget: which limit rejected how many, the smallest
// value seen, and what to change.
std::string explain_rejections(const Budget& budget, const Counts& counts, const std::string& space_source);

}  // namespace assay
