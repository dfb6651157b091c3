// Capacity: how much a network can learn, whatever it is made of.
//
// A layer counts with the fourth root of the product of its parameters and its multiply-accumulates, which is
// sqrt(parameters) x sqrt(side of its output map): its width (the geometric mean of what enters and what
// leaves a unit), at its resolution. Parameters alone overrate late, wide layers and
// multiply-accumulates alone early, fine ones, each by the square of the ratio; their geometric mean rates
// stages about evenly. The square root makes it concave: two layers of equal width count more than one that
// took both budgets, and a depthwise or 1x1 layer counts for something beside a dense one. The exponents were
// not fitted more closely than "halfway": bench/scores.md shows how flat the neighbourhood is. The logarithm
// of the sum makes equal steps of equal ratios, and enters the rank score as it is.
//
// Dead branches and operators that zeros pass through are no capacity: the canonical network is counted.
#include "blocks.hpp"
#include "scores.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

ScoreEntry capacity_score() {
  return {
      .info =
          {.name = "capacity",
           .summary = "width of all layers at their resolution: between params and macs",
           .formula =
               "log of the sum over convolutions and linear operators of (weights x macs)^(1/4); 0 below 1",
           .source = "assay",
           .range = ">= 0",
           .by_rank = false},
      .of_function = [](const Network& network) -> ScoreOutcome {
        double sum = 0;
        for (const OpId id : weighted_operators(network)) {
          // A transposed convolution multiplies the pixels of its input.
          const bool transposed = network.op(id).kind == OpKind::transposed_convolution;
          const Shape map = network.shape(transposed ? network.inputs(id)[0] : id);
          const double pixels = double{1} * map.height * map.width;
          // Without biases: they are no width.
          const double weights = static_cast<double>(network.macs(id)) / pixels;
          sum += std::sqrt(weights * std::sqrt(pixels));
        }
        return {std::log(std::max(sum, 1.0)), {}};
      }};
}

}  // namespace assay
