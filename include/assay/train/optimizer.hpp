// The arithmetic of training: learning-rate schedule, loss, weight update.
#pragma once

#include <cstdint>
#include <span>

namespace assay {

// Linear warm-up, then half a cosine down to 0 (Loshchilov & Hutter 2017, "SGDR", without restarts):
//   peak * (step + 1) / warm_up                                         for step < warm_up
//   peak * (1 + cos(pi * (step - warm_up) / (steps - warm_up))) / 2     after that
struct CosineSchedule {
  double peak = 0.1;
  double warm_up = 0;  // steps, not necessarily whole
  std::int64_t steps = 1;

  double at(std::int64_t step) const;
};

// Mean over the batch of -sum_k q_k log softmax(logits)_k, with q = 1 - smoothing on the label plus smoothing
// / n on all n classes (Szegedy et al. 2016, section 7). `logits` and `gradient` are {batch, n}; the gradient
// is that of the mean.
double softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint8_t> labels,
                             double smoothing, std::span<float> gradient);

// Index of the largest logit of each row; none (-1) where a row holds no number above minus infinity.
int largest_logit(std::span<const float> logits);

// One step of stochastic gradient descent with Nesterov momentum (Sutskever et al. 2013, in the form that
// PyTorch uses):
//   g <- gradient_scale * g + weight_decay * w
//   v <- momentum * v + g
//   w <- w - learning_rate * (g + momentum * v)
struct SgdStep {
  float learning_rate = 0;
  float momentum = 0;
  float weight_decay = 0;
  float gradient_scale = 1;
};
void sgd_update(const SgdStep& step, std::span<const float> gradient, std::span<float> velocity,
                std::span<float> weights);

// a <- (a + b) / 2. Returns the sum of the squares of the result.
double average_into(std::span<float> a, std::span<const float> b);

}  // namespace assay
