// params and macs: the baselines, of the network as declared.
#include "scores.hpp"

namespace assay {

ScoreEntry params_score() {
  return {
      .info = {.name = "params",
               .summary = "number of learned parameters",
               .formula =
                   "weights and biases of convolutions and linear operators, batch-norm scales and shifts",
               .source = "-",
               .range = ">= 0"},
      .declared = [](const Network& network) { return static_cast<double>(network.parameters()); }};
}

ScoreEntry macs_score() {
  return {.info = {.name = "macs",
                   .summary = "multiply-accumulates of one image",
                   .formula = "those of convolutions and linear operators",
                   .source = "-",
                   .range = ">= 0"},
          .declared = [](const Network& network) { return static_cast<double>(network.macs()); }};
}

}  // namespace assay
