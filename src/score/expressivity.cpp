// AZ-NAS, expressivity: sum over the blocks of the entropy of their features.
#include "block_entropy.hpp"
#include "scores.hpp"

#include <numeric>

namespace assay {
namespace {

Outcome sum(std::span<const double> entropies) {
  return {std::accumulate(entropies.begin(), entropies.end(), 0.0), {}};
}

}  // namespace

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
      .read = [](const Probe& probe) { return read_block_entropies(probe, 1, sum); }};
}

}  // namespace assay
