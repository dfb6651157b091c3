// NN-Mass: how well gradients find their way through skip links.
//
// Bhardwaj et al. define it for cells of d layers of width w with concatenating (DenseNet) skip links: the
// number of neurons w d, times the density, which is the share of the possible skip links that exist. Here a
// cell is a stage: all that lies at one resolution. Its neurons are the N output channels of its weighted
// operators, its d the longest path of them, its width N / d; a skip link is any input of a sum or
// concatenation that is not the deepest one, and counts its channels S. d layers have d (d + 1) / 2 pairs of
// places (before the first, behind each) that a link can join, so that
//   mass = sum over stages of N * S / (N / d * d (d + 1) / 2) = sum over stages of 2 S / (d + 1).
// Of gates and of what follows the map that the classifier sees nothing counts. 0 without skip links.
#include "scores.hpp"
#include "topology.hpp"

namespace assay {

ScoreEntry nn_mass_score() {
  return {.info = {.name = "nn_mass",
                   .summary = "how densely skip links join the layers",
                   .formula = "sum over resolutions of 2 S / (d + 1), S the channels that enter sums and "
                              "concatenations over skip links, d the weighted operators on the longest path",
                   .source = "Bhardwaj et al., How does topology influence gradient propagation and model "
                             "performance of deep networks with DenseNet-type skip connections?, CVPR 2021 "
                             "(arXiv 1910.00780)",
                   .range = ">= 0"},
          .of_function = [](const Network& network) -> ScoreOutcome {
            double mass = 0;
            for (const Stage& stage : stages(network))
              mass += 2 * static_cast<double>(stage.skipping) / (stage.depth + 1);
            return {mass, {}};
          }};
}

}  // namespace assay
