#include "assay/train/optimizer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace assay {

double CosineSchedule::at(std::int64_t step) const {
  const auto t = static_cast<double>(step);
  if (t < warm_up) return std::min(peak, peak * (t + 1) / warm_up);
  const double progress = (t - warm_up) / (static_cast<double>(steps) - warm_up);
  return peak * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

double softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint8_t> labels,
                             double smoothing, std::span<float> gradient) {
  const std::size_t batch = labels.size();
  const std::size_t classes = logits.size() / batch;
  const auto everywhere = static_cast<float>(smoothing / static_cast<double>(classes));
  const auto on_label = static_cast<float>(1 - smoothing);
  const float share = 1.0f / static_cast<float>(batch);
  double loss = 0;
  for (std::size_t i = 0; i < batch; ++i) {
    const auto row = logits.subspan(i * classes, classes);
    const auto out = gradient.subspan(i * classes, classes);
    const float largest = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += out[k] = std::exp(row[k] - largest);
    const float log_sum = largest + std::log(sum);
    double smoothed = 0;  // sum over the classes of -log softmax
    for (std::size_t k = 0; k < classes; ++k) {
      smoothed += static_cast<double>(log_sum - row[k]);
      out[k] = share * (out[k] / sum - everywhere);
    }
    out[labels[i]] -= share * on_label;
    loss += static_cast<double>(on_label) * static_cast<double>(log_sum - row[labels[i]]) +
            static_cast<double>(everywhere) * smoothed;
  }
  return loss / static_cast<double>(batch);
}

int largest_logit(std::span<const float> logits) {
  int best = -1;
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (logits[k] > largest) {
      largest = logits[k];
      best = static_cast<int>(k);
    }
  }
  return best;
}

void sgd_update(const SgdStep& step, std::span<const float> gradient, std::span<float> velocity,
                std::span<float> weights) {
  const SgdStep s = step;  // by value: what the loop writes cannot alias it
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float g = s.gradient_scale * gradient[i] + s.weight_decay * weights[i];
    velocity[i] = s.momentum * velocity[i] + g;
    weights[i] -= s.learning_rate * (g + s.momentum * velocity[i]);
  }
}

double average_into(std::span<float> a, std::span<const float> b) {
  // Sixteen partial sums: the compiler may not reorder a floating-point sum by itself.
  constexpr std::size_t lanes = 16;
  std::array<float, lanes> squares{};
  std::size_t i = 0;
  for (; i + lanes <= a.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float mean = 0.5f * (a[i + lane] + b[i + lane]);
      a[i + lane] = mean;
      squares[lane] += mean * mean;
    }
  }
  double total = std::accumulate(squares.begin(), squares.end(), 0.0);
  for (; i < a.size(); ++i) {
    a[i] = 0.5f * (a[i] + b[i]);
    total += static_cast<double>(a[i]) * static_cast<double>(a[i]);
  }
  return total;
}

}  // namespace assay
