#include "weight_sums.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

// Adds sum |w g| to `saliency` and returns sum g^2: float sums of short runs, vectorised, doubles above them.
double add_sums(std::span<const float> weights, std::span<const float> gradients, double& saliency) {
  constexpr std::size_t width = 16, run = 16 * width;
  double squares = 0;
  for (std::size_t first = 0; first < gradients.size(); first += run) {
    const std::size_t last = std::min(first + run, gradients.size());
    float salience[width] = {}, square[width] = {};
    std::size_t i = first;
    for (; i + width <= last; i += width)
      for (std::size_t lane = 0; lane < width; ++lane) {
        const float g = gradients[i + lane];
        salience[lane] += std::abs(weights[i + lane] * g);
        square[lane] += g * g;
      }
    for (; i < last; ++i) {
      salience[0] += std::abs(weights[i] * gradients[i]);
      square[0] += gradients[i] * gradients[i];
    }
    for (std::size_t lane = 0; lane < width; ++lane) {
      saliency += salience[lane];
      squares += square[lane];
    }
  }
  return squares;
}

}  // namespace

void WeightSums::after_backward(Executable& executable) {
  for (const Parameter& parameter : executable.parameters()) {
    if (parameter.role != ParameterRole::weight) continue;
    ++tensors_;
    gradient_norms_ += std::sqrt(add_sums(parameter.value, parameter.gradient, saliency_));
  }
}

ScoreOutcome read_weight_sums(const Probe& probe, double (*value)(const WeightSums&)) {
  const auto& sums = static_cast<const WeightSums&>(probe);
  if (sums.tensors() == 0) return ScoreOutcome::failed("no_weights");
  return {value(sums), {}};
}

}  // namespace assay
