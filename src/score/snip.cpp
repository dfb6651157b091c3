// SNIP: how much of the loss hangs on the weights, connection by connection.
#include "scores.hpp"
#include "weight_sums.hpp"

namespace assay {

ScoreEntry snip_score() {
  return {.info = {.name = "snip",
                   .summary = "how much of the loss hangs on the weights",
                   .formula = "sum over weights w of |w dL/dw|, L the cross-entropy",
                   .source = "Lee et al., SNIP, ICLR 2019 (arXiv 1810.02340), as a score: Abdelfattah et al. "
                             "(arXiv 2101.08134)",
                   .range = ">= 0",
                   .cost = ScoreCost::weight_gradients,
                   .conditions = loss_gradient_conditions},
          .probe = make_probe<WeightSums>,
          .read = [](const Probe& probe) {
            return read_weight_sums(probe, [](const WeightSums& sums) { return sums.saliency(); });
          }};
}

}  // namespace assay
