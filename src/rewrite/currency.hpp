// How networks are compared: what the objective counts, what is out of limits, and what score is worth.
#pragma once

#include "assay/rewrite/plan.hpp"

namespace assay {

// Everything in units of the objective's logarithm, so that a step that takes a tenth of the latency is worth
// the same early and late.
class Currency {
 public:
  Currency(RewriteObjective objective, const RewriteLimits& limits, double min_score)
      : objective_(objective), limits_(limits), min_score_(min_score) {}

  double min_score() const { return min_score_; }
  void set_min_score(double min_score) { min_score_ = min_score; }
  // log(objective) that a unit of score is worth.
  void set_rate(double rate) { rate_ = rate; }
  double rate() const { return rate_; }

  // Lower is better.
  double objective(const NetworkFigures& figures) const;
  bool within_ceilings(const NetworkFigures& figures) const { return excess(figures) == 0; }
  bool within_limits(const NetworkFigures& figures) const;
  // How far from the limits; 0 within them.
  double violation(const NetworkFigures& figures) const;
  // The objective and, at a premium, the violation; `rich`: and less what the score has above its floor.
  // Lower is better.
  double cost(const NetworkFigures& figures, bool rich) const;
  // Whether `a` is the better result.
  bool better(const NetworkFigures& a, const NetworkFigures& b) const;

 private:
  double excess(const NetworkFigures& figures) const;

  RewriteObjective objective_;
  RewriteLimits limits_;
  double min_score_;
  double rate_ = 1;
};

// What width costs in the objective's logarithm, a unit of score: from what depth_multiplier did alone.
double exchange_rate(const Currency& currency, const NetworkFigures& original, std::span<const Trial> alone);

}  // namespace assay
