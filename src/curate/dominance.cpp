#include "dominance.hpp"

#include "cost_model.hpp"
#include "option_costs.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace assay::curation {
namespace {

// Less by less than this is a draw: the regression knows no better.
constexpr double kLess = 0.005;
// More capacity for up to this much more time is for free.
constexpr double kFree = 1.02;
// An option that hardly ever makes another network is not compared by it.
constexpr std::size_t kLeastContexts = 8;

struct Verdict {
  double agreement = 0;
  double time = 1, macs = 1, params = 1;  // of the better option over the worse, medians
};

// How clearly option `better` beats option `worse`: no less capacity in less time, or more capacity for free.
Verdict compare(const OptionTable& table, std::size_t better, std::size_t worse) {
  OptionTable differing;
  std::size_t beaten = 0;
  for (const std::vector<OptionCosts>& row : table) {
    const OptionCosts &b = row[better], &w = row[worse];
    if (b.fingerprint == w.fingerprint) continue;
    differing.push_back(row);
    const bool capacity = b.params >= w.params && b.macs >= w.macs;
    const bool more_capacity = capacity && (b.params > w.params || b.macs > w.macs);
    const bool time =
        b.touched_ms < w.touched_ms * (1 - kLess) || (more_capacity && b.touched_ms <= w.touched_ms * kFree);
    if (capacity && time) ++beaten;
  }
  if (differing.size() < kLeastContexts) return {};
  return {.agreement = static_cast<double>(beaten) / static_cast<double>(differing.size()),
          .time = median_ratio(differing, better, worse, &OptionCosts::touched_ms),
          .macs = median_ratio(differing, better, worse, &OptionCosts::macs),
          .params = median_ratio(differing, better, worse, &OptionCosts::params)};
}

std::string amount(double ratio, const char* what) {
  if (ratio == 1) return fmt::format("the same {}", what);
  return ratio < 1.005 ? fmt::format("a few more {}", what) : fmt::format("{:.2f} times the {}", ratio, what);
}

std::string less_time(double ratio) {
  return ratio < 0.995 ? fmt::format("{:.0f} % less time", 100 * (1 - ratio)) : "no more time";
}

}  // namespace

Remaining drop_hopeless(const SpaceFile& file, std::size_t list_index, SubgraphLatencies& latencies,
                        const DominanceSettings& settings) {
  const OptionList& list = file.option_lists()[list_index];
  Remaining result{.options = list.options, .reasons = {}};
  if (list.options.size() < 2 || list.decisions.empty()) return result;
  const OptionTable table =
      compare_options(file, list_index, latencies, settings.contexts, settings.seed, false);
  std::vector<std::size_t> left(list.options.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = i;
  while (left.size() > 1) {
    std::optional<std::pair<std::size_t, std::size_t>> worst;  // better, worse
    Verdict clearest;
    for (const std::size_t worse : left) {
      for (const std::size_t better : left) {
        if (better == worse) continue;
        const Verdict verdict = compare(table, better, worse);
        if (verdict.agreement < settings.agreement || (worst && verdict.time >= clearest.time)) continue;
        worst = {better, worse};
        clearest = verdict;
      }
    }
    if (!worst) break;
    const auto [better, worse] = *worst;
    std::erase(left, worse);
    result.reasons.push_back(fmt::format(
        "{} dropped: {} has {} and {} and takes {} in the subgraphs that differ ({:.0f} % of {} candidates)",
        list.options[worse], list.options[better], amount(clearest.macs, "MACs"),
        amount(clearest.params, "parameters"), less_time(clearest.time), 100 * clearest.agreement,
        table.size()));
  }
  result.options.clear();
  for (const std::size_t i : left) result.options.push_back(list.options[i]);
  return result;
}

}  // namespace assay::curation
