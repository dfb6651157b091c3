// params and macs: the baselines, of the network as it was given.
#include "scores.hpp"

namespace assay {

ScoreEntry params_score() {
  return {
      .info = {.name = "params",
               .summary = "learned parameters of the declared network",
               .formula =
                   "weights and biases of convolutions and linear operators, batch-norm scales and shifts",
               .source = "-",
               .range = ">= 0"},
      .of_network = [](const Network& network) { return static_cast<double>(network.parameters()); }};
}

ScoreEntry macs_score() {
  return {.info = {.name = "macs",
                   .summary = "multiply-accumulates of one image, of the declared network",
                   .formula = "those of convolutions and linear operators",
                   .source = "-",
                   .range = ">= 0"},
          .of_network = [](const Network& network) { return static_cast<double>(network.macs()); }};
}

}  // namespace assay
