// What backward passes start from: gradients of log-likelihoods with respect to logits.
#pragma once

#include "assay/base/random.hpp"

#include <span>

namespace assay {

// Of the mean cross-entropy of `batch` rows of logits against uniformly random labels.
void cross_entropy_gradient(std::span<const float> logits, int batch, Random labels,
                            std::span<float> gradient);

// Of the sum over rows of log p(label), each label drawn from the row's own softmax p: one uniform number a
// row, the label is the first class whose cumulative probability exceeds it.
void sampled_likelihood_gradient(std::span<const float> logits, int batch, Random uniforms,
                                 std::span<float> gradient);

}  // namespace assay
