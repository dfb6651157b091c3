// NN-Degree: how many channels the average channel is joined to.
//
// Per cell the width (links from the layer before) plus the skip channels shared out among the neurons;
// cells, widths and skip links of any network as nn_mass.cpp has them:
//   degree = sum over stages of N / d + S / N.
// Stages without weighted operators count nothing.
#include "scores.hpp"
#include "topology.hpp"

namespace assay {

ScoreEntry nn_degree_score() {
  return {
      .info = {.name = "nn_degree",
               .summary = "how many channels the average channel is joined to",
               .formula = "sum over resolutions of N / d + S / N, N the output channels of weighted "
                          "operators, d and S as in nn_mass",
               .source = "Li et al., FLASH, ACM TECS 2021 (arXiv 2108.00568), after Bhardwaj et al., CVPR "
                         "2021 (arXiv 1910.00780)",
               .range = ">= 0"},
      .of_function = [](const Network& network) -> ScoreOutcome {
        double degree = 0;
        for (const Stage& stage : stages(network))
          if (stage.depth > 0)
            degree += stage.mean_width() +
                      static_cast<double>(stage.skipping) / static_cast<double>(stage.channels);
        return {degree, {}};
      }};
}

}  // namespace assay
