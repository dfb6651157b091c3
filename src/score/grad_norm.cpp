// grad_norm: how strongly the loss pulls at the weights of the untrained network.
#include "scores.hpp"
#include "weight_sums.hpp"

namespace assay {

ScoreEntry grad_norm_score() {
  return {.info = {.name = "grad_norm",
                   .summary = "how strongly the loss pulls at the untrained weights",
                   .formula = "sum over weight tensors of the Euclidean norm of the loss gradient",
                   .source = "Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021 (arXiv "
                             "2101.08134)",
                   .range = ">= 0",
                   .cost = ScoreCost::weight_gradients,
                   .conditions = loss_gradient_conditions},
          .probe = make_probe<WeightSums>,
          .read = [](const Probe& probe) {
            return read_weight_sums(probe, [](const WeightSums& sums) { return sums.gradient_norms(); });
          }};
}

}  // namespace assay
