#include "causes.hpp"

#include "assay/estimate/advice.hpp"
#include "assay/report/table.hpp"

#include "difference.hpp"
#include "metric_text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

// More would not be read.
constexpr std::size_t most_causes = 5;
constexpr std::size_t most_savings = 3;

double total_of(const std::vector<CostPart>& parts) {
  double total = 0;
  for (const CostPart& part : parts) total += part.amount;
  return total;
}

Cause cause_of(const CostChange& change, const std::vector<CostPart>& before,
               const std::vector<CostPart>& after) {
  Cause cause;
  const CostPart* old = change.before ? &before[*change.before] : nullptr;
  const CostPart* now = change.after ? &after[*change.after] : nullptr;
  cause.name = (now != nullptr ? now : old)->name;
  cause.shape = (now != nullptr ? now : old)->shape();
  cause.amount = (now != nullptr ? now->amount : 0) - (old != nullptr ? old->amount : 0);
  // Without the last bits that the subtraction leaves; counts stay as they are.
  if (cause.amount != std::floor(cause.amount)) cause.amount = significant(cause.amount);
  if (old == nullptr) {
    cause.kind = Cause::Kind::added;
  } else if (now == nullptr) {
    cause.kind = Cause::Kind::gone;
  } else {
    cause.kind = cause.amount > 0 ? Cause::Kind::grown : Cause::Kind::shrunk;
    if (old->name != now->name) cause.name_before = old->name;
    if (old->shape() != now->shape()) cause.shape_before = old->shape();
  }
  return cause;
}

// "3 grew (+0.35 ms), 1 is new (+0.02 ms), 2 are gone (-0.06 ms)".
std::string summary_of(CheckMetric metric, const std::vector<Cause>& causes) {
  struct Group {
    Cause::Kind kind;
    std::string_view one, several;
  };
  constexpr std::array<Group, 4> groups = {{{Cause::Kind::grown, "takes more", "take more"},
                                            {Cause::Kind::added, "is new", "are new"},
                                            {Cause::Kind::shrunk, "takes less", "take less"},
                                            {Cause::Kind::gone, "is gone", "are gone"}}};
  std::string text;
  for (const Group& group : groups) {
    double amount = 0;
    int count = 0;
    for (const Cause& cause : causes) {
      if (cause.kind != group.kind) continue;
      ++count;
      amount += cause.amount;
    }
    if (count == 0) continue;
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", count,
                        count == 1 ? group.one : group.several, change_text(metric, amount));
  }
  // Of a baseline that was edited, or holds another version of the model on another target.
  return text.empty() ? "none differs from the baseline's, only the total does" : text;
}

// What changed, by how much it did; both lists sum to the metric's value. Empty where the value did not grow.
struct Changes {
  std::vector<Cause> causes;
  std::vector<CostChange> matches;  // of the causes
  std::string summary;
};
Changes changes_of(CheckMetric metric, const std::vector<CostPart>& before,
                   const std::vector<CostPart>& after) {
  Changes changes;
  std::vector<std::pair<Cause, CostChange>> all;
  for (const CostChange& change : match_parts(before, after)) {
    Cause cause = cause_of(change, before, after);
    if (cause.amount != 0) all.emplace_back(std::move(cause), change);
  }
  double growth = 0;
  std::vector<Cause> every;
  for (const auto& [cause, match] : all) {
    growth += std::max(cause.amount, 0.0);
    every.push_back(cause);
  }
  changes.summary = summary_of(metric, every);
  std::ranges::stable_sort(all, std::greater<>(), [](const auto& each) { return each.first.amount; });
  const auto keep = [&](const auto& each) {
    changes.causes.push_back(each.first);
    if (each.first.amount > 0) changes.causes.back().share_percent = 100 * each.first.amount / growth;
    changes.matches.push_back(each.second);
  };
  for (std::size_t i = 0; i < all.size() && i < most_causes && all[i].first.amount > 0; ++i) keep(all[i]);
  for (std::size_t i = 0; i < all.size() && i < most_savings && all[all.size() - 1 - i].first.amount < 0; ++i)
    keep(all[all.size() - 1 - i]);
  return changes;
}

// The parts that take most; `indices` names them.
std::vector<Cause> largest_of(const std::vector<CostPart>& parts, std::vector<std::size_t>& indices) {
  indices.resize(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) indices[i] = i;
  std::ranges::stable_sort(indices, std::greater<>(), [&](std::size_t i) { return parts[i].amount; });
  indices.resize(std::min(indices.size(), most_causes));
  std::erase_if(indices, [&](std::size_t i) { return parts[i].amount == 0; });
  const double total = total_of(parts);
  std::vector<Cause> causes;
  for (const std::size_t i : indices) {
    Cause& cause = causes.emplace_back();
    cause.name = parts[i].name;
    cause.shape = parts[i].shape();
    cause.amount = parts[i].amount;
    cause.share_percent = 100 * parts[i].amount / total;
  }
  return causes;
}

std::vector<CostPart> latency_parts(const TargetCosts& costs) {
  std::vector<CostPart> parts;
  for (const SubgraphCost& s : costs.subgraphs) parts.push_back({s.name, s.operation, s.sizes, s.latency_ms});
  return parts;
}

std::vector<CostPart> size_parts(CheckMetric metric, const ModelCosts& costs, double unit) {
  std::vector<CostPart> parts;
  for (const OperatorCost& o : costs.operators) {
    const std::int64_t count = metric == CheckMetric::macs ? o.macs : o.params;
    parts.push_back({o.name, o.operation, o.sizes, unit * static_cast<double>(count)});
  }
  return parts;
}

std::string share_of_largest(const std::vector<Cause>& causes, std::size_t parts) {
  double share = 0;
  for (const Cause& cause : causes) share += cause.share_percent;
  return fmt::format("the largest {} of {} take {:.0f} %", causes.size(), parts, share);
}

}  // namespace

Blame blame_latency(const TargetCosts& now, const TargetCosts* before, const Estimator& estimator) {
  const std::vector<CostPart> parts = latency_parts(now);
  const auto explain = [&](Cause& cause, std::size_t index) {
    const SubgraphCost& subgraph = now.subgraphs[index];
    cause.lane_efficiency = subgraph.lane_efficiency;
    if (subgraph.part) cause.note = to_text(advise(estimator, *subgraph.part), *subgraph.part);
  };
  if (before != nullptr && now.latency_ms > before->latency_ms) {
    Changes changes = changes_of(CheckMetric::latency_ms, latency_parts(*before), parts);
    for (std::size_t i = 0; i < changes.causes.size(); ++i) {
      const CostChange& match = changes.matches[i];
      if (match.after) explain(changes.causes[i], *match.after);
      if (match.before)
        changes.causes[i].lane_efficiency_before = before->subgraphs[*match.before].lane_efficiency;
    }
    return {"Subgraphs: " + changes.summary + ".", std::move(changes.causes)};
  }
  std::vector<std::size_t> indices;
  std::vector<Cause> causes = largest_of(parts, indices);
  for (std::size_t i = 0; i < causes.size(); ++i) explain(causes[i], indices[i]);
  return {fmt::format("Subgraphs: {}.", share_of_largest(causes, parts.size())), std::move(causes)};
}

Blame blame_memory(const TargetCosts& now, const TargetCosts* before) {
  Blame blame;
  blame.summary = fmt::format("Memory peaks while {} runs", now.peak_step);
  const bool moved = before != nullptr && before->peak_step != now.peak_step;
  if (moved) blame.summary += fmt::format(" (before: {})", before->peak_step);
  blame.summary +=
      fmt::format("; {} {} alive then.", now.alive.size(), now.alive.size() == 1 ? "part is" : "parts are");
  std::vector<AliveTensor> alive = now.alive;
  std::ranges::stable_sort(alive, std::greater<>(), &AliveTensor::bytes);
  alive.resize(std::min(alive.size(), most_causes));
  for (const AliveTensor& tensor : alive) {
    Cause& cause = blame.causes.emplace_back();
    cause.name = tensor.name;
    cause.shape = tensor.shape;
    cause.note = tensor.role;
    cause.amount = static_cast<double>(tensor.bytes);
    cause.share_percent = 100 * cause.amount / static_cast<double>(now.peak_memory_bytes);
    if (before == nullptr) continue;
    const auto old = std::ranges::find_if(before->alive, [&](const AliveTensor& other) {
      return other.name == tensor.name && other.role == tensor.role;
    });
    if (old != before->alive.end() && old->shape != tensor.shape) cause.shape_before = old->shape;
  }
  return blame;
}

Blame blame_size(CheckMetric metric, const ModelCosts& now, const ModelCosts* before, double unit) {
  const std::vector<CostPart> parts = size_parts(metric, now, unit);
  if (before != nullptr) {
    const std::vector<CostPart> old = size_parts(metric, *before, unit);
    if (total_of(parts) > total_of(old)) {
      Changes changes = changes_of(metric, old, parts);
      return {"Operators: " + changes.summary + ".", std::move(changes.causes)};
    }
  }
  std::vector<std::size_t> indices;
  std::vector<Cause> causes = largest_of(parts, indices);
  return {fmt::format("Operators: {}.", share_of_largest(causes, parts.size())), std::move(causes)};
}

}  // namespace assay
