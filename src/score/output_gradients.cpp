#include "output_gradients.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

// Probabilities / divisor.
void softmax(std::span<const float> logits, int divisor, std::span<float> out) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) sum += out[k] = std::exp(logits[k] - largest);
  for (float& p : out) p = static_cast<float>(p / sum / divisor);
}

std::size_t draw(std::span<const float> probabilities, double uniform) {
  double cumulative = 0;
  for (std::size_t k = 0; k + 1 < probabilities.size(); ++k)
    if (uniform < (cumulative += probabilities[k])) return k;
  return probabilities.size() - 1;
}

}  // namespace

void cross_entropy_gradient(std::span<const float> logits, int batch, Random labels,
                            std::span<float> gradient) {
  const std::size_t classes = logits.size() / static_cast<std::size_t>(batch);
  for (std::size_t begin = 0; begin < logits.size(); begin += classes) {
    const auto row = gradient.subspan(begin, classes);
    softmax(logits.subspan(begin, classes), batch, row);
    row[labels.below(classes)] -= 1.0f / static_cast<float>(batch);
  }
}

void sampled_likelihood_gradient(std::span<const float> logits, int batch, Random uniforms,
                                 std::span<float> gradient) {
  const std::size_t classes = logits.size() / static_cast<std::size_t>(batch);
  for (std::size_t begin = 0; begin < logits.size(); begin += classes) {
    const auto row = gradient.subspan(begin, classes);
    softmax(logits.subspan(begin, classes), 1, row);
    const std::size_t label = draw(row, uniforms.uniform());
    for (float& g : row) g = -g;
    row[label] += 1.0f;
  }
}

}  // namespace assay
