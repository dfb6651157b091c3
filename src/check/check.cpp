#include "assay/check/check.hpp"

#include "causes.hpp"
#include "metric_text.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace assay {
namespace {

const TargetCosts* find_target(const ModelCosts* costs, const std::string& name) {
  if (costs == nullptr) return nullptr;
  const auto found = std::ranges::find(costs->targets, name, &TargetCosts::target);
  return found == costs->targets.end() ? nullptr : &*found;
}

double value_of(const Limit& limit, const ModelCosts& model, const TargetCosts* target) {
  switch (limit.metric) {
    case CheckMetric::latency_ms:
      return limit.upper_bound ? target->latency_high_ms : target->latency_ms;
    case CheckMetric::peak_memory_bytes:
      return static_cast<double>(target->peak_memory_bytes);
    case CheckMetric::weight_bytes:
      return static_cast<double>(target->weight_bytes);
    case CheckMetric::params:
      return static_cast<double>(model.params);
    case CheckMetric::macs:
    case CheckMetric::score_percentile:
      break;
  }
  return static_cast<double>(model.macs);
}

// What a limit is judged with.
struct Case {
  const CheckedModel& model;
  const TargetCosts* now = nullptr;     // where the metric is one of an accelerator
  const TargetCosts* before = nullptr;  // where it is comparable
  const CheckTarget* target = nullptr;
  std::string incomparable;  // why `before` is not there
};

Blame blame(const Limit& limit, const Case& c) {
  switch (limit.metric) {
    case CheckMetric::latency_ms:
      return blame_latency(*c.now, c.before, c.target->estimator);
    case CheckMetric::peak_memory_bytes:
      return blame_memory(*c.now, c.before);
    case CheckMetric::weight_bytes:
      return blame_size(limit.metric, c.model.costs, c.before == nullptr ? nullptr : c.model.baseline,
                        c.target->estimator.accelerator().memory.bytes_per_element);
    case CheckMetric::params:
    case CheckMetric::macs:
      return blame_size(limit.metric, c.model.costs, c.model.baseline, 1);
    case CheckMetric::score_percentile:
      break;
  }
  return {fmt::format("{:.4g} % of the random candidates of {} have a higher rank score.",
                      100 - c.model.score_percentiles.at(limit.space),
                      std::filesystem::path(limit.space).filename().string()),
          {}};
}

std::string why_no_baseline(const CheckedModel& model) {
  return model.baseline_given ? fmt::format("{} is not in the baseline", model.costs.model)
                              : "no --baseline is given";
}

Finding judge_limit(const Limit& limit, const Case& c, bool update_baseline) {
  Finding finding;
  finding.model = c.model.costs.model;
  if (c.target != nullptr) finding.target = c.target->name;
  finding.limit = limit;
  if (limit.metric == CheckMetric::score_percentile) {
    finding.value = c.model.score_percentiles.at(limit.space);
  } else {
    finding.value = value_of(limit, c.model.costs, c.now);
    const bool comparable = c.target == nullptr ? c.model.baseline != nullptr : c.before != nullptr;
    if (comparable) finding.baseline = value_of(limit, *c.model.baseline, c.before);
  }
  switch (limit.kind) {
    case Limit::Kind::most:
    case Limit::Kind::least:
      finding.allowed = limit.amount;
      break;
    case Limit::Kind::regression:
      if (finding.baseline) finding.allowed = *finding.baseline * (1 + limit.amount / 100);
      break;
  }
  if (!finding.allowed) {
    finding.verdict = LimitVerdict::unchecked;
    finding.reason = c.incomparable.empty() ? why_no_baseline(c.model) : c.incomparable;
    return finding;
  }
  const bool holds = limit.kind == Limit::Kind::least ? finding.value >= *finding.allowed
                                                      : finding.value <= *finding.allowed;
  if (holds) return finding;
  finding.verdict = limit.severity == Severity::warn ? LimitVerdict::warn : LimitVerdict::fail;
  if (limit.kind == Limit::Kind::regression && update_baseline) finding.verdict = LimitVerdict::accepted;
  Blame found = blame(limit, c);
  finding.reason = std::move(found.summary);
  finding.causes = std::move(found.causes);
  return finding;
}

Case case_of(const CheckedModel& model, const CheckTarget& target) {
  Case c{.model = model,
         .now = find_target(&model.costs, target.name),
         .before = find_target(model.baseline, target.name),
         .target = &target,
         .incomparable = {}};
  if (model.baseline == nullptr) return c;
  if (c.before == nullptr) {
    c.incomparable = fmt::format("the baseline holds nothing of {} on {}", model.costs.model, target.name);
  } else if (c.before->fingerprint != target.fingerprint) {
    c.before = nullptr;
    c.incomparable = fmt::format("the baseline was made with another {}", target.name);
  }
  return c;
}

}  // namespace

std::string_view to_string(LimitVerdict verdict) {
  constexpr std::array<std::string_view, 5> names = {"pass", "unchecked", "accepted", "warn", "fail"};
  return names[static_cast<std::size_t>(verdict)];
}

std::optional<double> Finding::headroom_percent() const {
  if (!allowed || *allowed == 0) return std::nullopt;
  const double left = limit.kind == Limit::Kind::least ? value - *allowed : *allowed - value;
  return 100 * left / *allowed;
}

std::optional<double> Finding::change_percent() const {
  if (!baseline || *baseline == 0) return std::nullopt;
  return 100 * (value / *baseline - 1);
}

std::size_t CheckReport::count(LimitVerdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(findings, verdict, &Finding::verdict));
}

int CheckReport::exit_code() const {
  if (!problems.empty()) return 2;
  return count(LimitVerdict::fail) > 0 ? 1 : 0;
}

void judge(const BudgetFile& budget, const CheckedModel& model, std::span<const CheckTarget* const> targets,
           bool update_baseline, CheckReport& report) {
  const auto tell = [&](std::string text) {  // once, however many limits it is about
    if (std::ranges::find(report.notes, text) == report.notes.end()) report.notes.push_back(std::move(text));
  };
  for (const BudgetEntry& entry : budget.entries) {
    if (!matches(entry, model.costs.model)) continue;
    for (const Limit& limit : entry.limits) {
      if (!needs_accelerator(limit.metric)) {
        const Case c{.model = model, .incomparable = {}};
        report.findings.push_back(judge_limit(limit, c, update_baseline));
        continue;
      }
      for (const TargetFile& file : entry.targets) {
        const auto target =
            std::ranges::find(targets, target_name(file), [](const CheckTarget* each) { return each->name; });
        const Case c = case_of(model, **target);
        if (!c.incomparable.empty())
          tell(fmt::format("{} on {} is not compared with the baseline: {}. After --update-baseline it is.",
                           model.costs.model, c.target->name, c.incomparable));
        if (limit.metric == CheckMetric::latency_ms && c.now->extrapolated)
          tell(fmt::format(
              "{} on {}: the latency is extrapolated, since some subgraphs are like none that the "
              "estimator was fitted to.",
              model.costs.model, c.target->name));
        report.findings.push_back(judge_limit(limit, c, update_baseline));
      }
    }
  }
  ++report.models;
}

}  // namespace assay
