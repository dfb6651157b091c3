// params and macs: the baselines, of the canonical network.
#include "scores.hpp"

namespace assay {

ScoreEntry params_score() {
  return {
      .info = {.name = "params",
               .summary = "learned parameters that take part in the function",
               .formula =
                   "weights and biases of convolutions and linear operators, batch-norm scales and shifts",
               .source = "-",
               .range = ">= 0"},
      .of_network = [](const Network& network) { return static_cast<double>(network.parameters()); }};
}

ScoreEntry macs_score() {
  return {.info = {.name = "macs",
                   .summary = "multiply-accumulates of one image that take part in the function",
                   .formula = "those of convolutions and linear operators",
                   .source = "-",
                   .range = ">= 0"},
          .of_network = [](const Network& network) { return static_cast<double>(network.macs()); }};
}

}  // namespace assay
