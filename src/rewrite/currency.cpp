#include "currency.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay {
namespace {

// Score bits move with the kernels that a shape gets; nobody means the last of them by "not below".
constexpr double score_tolerance = 1e-6;

double log_above(double value, double limit) {
  return value > limit ? std::log(value / limit) : 0;
}

}  // namespace

double Currency::objective(const NetworkFigures& figures) const {
  switch (objective_) {
    case RewriteObjective::latency:
      return std::log(figures.latency_ms);
    case RewriteObjective::memory:
      return std::log(static_cast<double>(figures.peak_memory_bytes));
    case RewriteObjective::score:
      break;
  }
  return -rate_ * figures.score;
}

double Currency::excess(const NetworkFigures& figures) const {
  const auto above = [](std::int64_t value, std::int64_t limit) {
    return log_above(static_cast<double>(value), static_cast<double>(limit));
  };
  return log_above(figures.latency_ms, limits_.max_latency_ms) +
         above(figures.peak_memory_bytes, limits_.max_memory_bytes) +
         above(figures.params, limits_.max_params) + above(figures.macs, limits_.max_macs);
}

bool Currency::within_limits(const NetworkFigures& figures) const {
  return within_ceilings(figures) && figures.score >= min_score_ - score_tolerance;
}

double Currency::violation(const NetworkFigures& figures) const {
  // Without a floor any score will do; without a score none does.
  const double missing = std::isinf(min_score_) ? 0 : min_score_ - figures.score;
  if (std::isnan(missing)) return std::numeric_limits<double>::infinity();
  return excess(figures) + (missing > score_tolerance ? rate_ * missing : 0);
}

double Currency::cost(const NetworkFigures& figures, bool rich) const {
  // Limits have to be kept in the end, and what is missing will cost more than it costs on average.
  constexpr double urgency = 2;
  double cost = objective(figures) + urgency * violation(figures);
  if (rich && objective_ != RewriteObjective::score && std::isfinite(min_score_))
    cost -= rate_ * std::max(figures.score - min_score_, 0.0);
  return cost;
}

bool Currency::better(const NetworkFigures& a, const NetworkFigures& b) const {
  const bool a_within = within_limits(a), b_within = within_limits(b);
  if (a_within != b_within) return a_within;
  return a_within ? objective(a) < objective(b) : violation(a) < violation(b);
}

double exchange_rate(const Currency& currency, const NetworkFigures& original, std::span<const Trial> alone) {
  // Latency follows between the width (memory) and its square (work), score the width: beyond these bounds
  // it was no trade.
  constexpr double least = 0.5, usual = 2, most = 4;
  for (const Trial& trial : alone) {
    if (trial.step.kind != RewriteKind::depth_multiplier || trial.step.site != "network") continue;
    const double score = trial.figures.score - original.score;
    const double price = (currency.objective(trial.figures) - currency.objective(original)) / score;
    if (std::isfinite(price) && price > 0) return std::clamp(price, least, most);
  }
  return usual;
}

}  // namespace assay
