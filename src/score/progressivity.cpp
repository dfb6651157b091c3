// AZ-NAS, progressivity: features should gain expressivity from every block to the next.
#include "block_features.hpp"
#include "scores.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

ScoreOutcome least_step(std::span<const double> entropies) {
  double least = entropies[1] - entropies[0];
  for (std::size_t i = 1; i < entropies.size(); ++i) {
    const double step = entropies[i] - entropies[i - 1];
    if (!std::isfinite(step)) return ScoreOutcome::failed("not_finite");
    least = std::min(least, step);
  }
  return {least, {}};
}

}  // namespace

ScoreEntry progressivity_score() {
  return {
      .info = {.name = "progressivity",
               .summary = "whether expressivity grows from every block to the next",
               .formula = "least difference between the entropies of a block and of the one before",
               .source = "Lee and Ham, AZ-NAS, CVPR 2024 (arXiv 2403.19232)",
               .range = "any",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{}},
      .probe = make_probe<BlockEntropy>,
      .read = [](const Probe& probe) { return static_cast<const BlockEntropy&>(probe).read(2, least_step); }};
}

}  // namespace assay
