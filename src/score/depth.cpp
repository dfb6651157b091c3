// depth and blocks: how long the network is, in layers and in blocks.
#include "blocks.hpp"
#include "scores.hpp"
#include "topology.hpp"

namespace assay {

ScoreEntry depth_score() {
  return {.info = {.name = "depth",
                   .summary = "weighted layers on the longest path",
                   .formula = "convolutions and linear operators on the longest path from input to output, "
                              "gates aside",
                   .source = "-",
                   .range = ">= 0"},
          .of_function = [](const Network& network) -> ScoreOutcome {
            return {static_cast<double>(levels(network)[static_cast<std::size_t>(network.output())]), {}};
          }};
}

ScoreEntry blocks_score() {
  return {
      .info = {.name = "blocks",
               .summary = "blocks that do something",
               .formula = "number of distinct block outputs; blocks that are the identity or dead are none",
               .source = "-",
               .range = ">= 0"},
      .of_function = [](const Network& network) -> ScoreOutcome {
        return {static_cast<double>(block_outputs(network).size()), {}};
      }};
}

}  // namespace assay
