// synflow: how much signal all paths of the network carry together, every weight by its magnitude.
//
// R = 1^T (product of |W|) 1 is the output of the linear network of the magnitudes for an input of ones; the
// score is log of the sum over weights of |w| dR/d|w|. R grows exponentially with depth and leaves the range
// of a float. The network is homogeneous, so the pass runs on an input and an output gradient scaled by
// powers of two, which is exact, and the logarithm of the scales is taken off the result: R up to 1e70 fits.
//
// Tanaka et al. leave out the nonlinearities; so is it here: batch norm and biases are dropped, activations
// are the identity, gates are 1.
#include "scores.hpp"
#include "weight_sums.hpp"

#include <cmath>

namespace assay {

ScoreEntry synflow_score() {
  return {
      .info = {.name = "synflow",
               .summary = "how much signal all paths carry together",
               .formula = "log of the sum over weights of |w| dR/d|w|, R = sum of the outputs of the linear "
                          "network with weights |w|",
               .source = "Tanaka et al., Pruning neural networks without any data, NeurIPS 2020 (arXiv "
                         "2006.05467), as a score: Abdelfattah et al. (arXiv 2101.08134)",
               .range = "any",
               .cost = ScoreCost::single_image,
               .conditions = ScoreConditions{.input = ScoreInput::ones,
                                             .initialisation = Initialisation::pytorch_default,
                                             .linearised = true,
                                             .backward = BackwardSeed::ones,
                                             .weight_gradients = true}},
      .probe = make_probe<WeightSums>,
      .read = [](const Probe& probe) {
        return read_weight_sums(
            probe, [](const WeightSums& sums) { return std::log(sums.saliency()) - sums.log_scale(); });
      }};
}

}  // namespace assay
