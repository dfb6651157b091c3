// AZ-NAS, expressivity: sum over the blocks of the entropy of their features.
#include "block_features.hpp"
#include "scores.hpp"

namespace assay {

ScoreEntry expressivity_score() {
  return {
      .info = {.name = "expressivity",
               .summary = "how evenly the blocks' features fill their channel space",
               .formula = "sum over blocks of the entropy of the normalised PCA eigenvalues of the output",
               .source = "Lee and Ham, AZ-NAS, CVPR 2024 (arXiv 2403.19232)",
               .range = ">= 0",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{}},
      .probe = make_probe<BlockEntropy>,
      .read = [](const Probe& probe) { return static_cast<const BlockEntropy&>(probe).read(1, sum_over_blocks); }};
}

}  // namespace assay
