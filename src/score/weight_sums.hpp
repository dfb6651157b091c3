// Sums over the weights of convolutions and linear operators, for the scores of pruning at initialisation.
#pragma once

#include "probe.hpp"

namespace assay {

class WeightSums final : public Probe {
 public:
  using Probe::Probe;
  void after_backward(Executable& executable) override;

  int tensors() const { return tensors_; }
  // Sum over weight tensors of the gradient's Euclidean norm.
  double gradient_norms() const { return gradient_norms_; }
  // Sum over weights of |weight x gradient|.
  double saliency() const { return saliency_; }
  double log_scale() const { return context_.log_scale; }

 private:
  int tensors_ = 0;
  double gradient_norms_ = 0, saliency_ = 0;
};

// For ScoreEntry::read: what `value` makes of the sums, unless there are no weights to sum over.
ScoreOutcome read_weight_sums(const Probe& probe, double (*value)(const WeightSums&));

// What grad_norm and snip are taken under: the gradient of a classification loss.
inline constexpr ScoreConditions loss_gradient_conditions = {.backward = BackwardSeed::cross_entropy,
                                                             .weight_gradients = true};

}  // namespace assay
