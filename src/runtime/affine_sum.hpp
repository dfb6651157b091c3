// y = f(sum_i (a_i x_i + b_i)): the one kernel behind batch norm, addition, activation and their
// combinations. Each term is a tensor, or a batch norm of one (a_i, b_i per channel). Fusing them costs one
// pass over the inputs and one over the output.
#pragma once

#include "activation.hpp"
#include "parameters.hpp"
#include "program.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace assay {

// Per batch norm, a whole-batch buffer of four rows of padded channels: mean, variance (biased), a, b.
struct Normalisation {
  const ParameterTensor* scale = nullptr;
  const ParameterTensor* shift = nullptr;
  const ParameterTensor* running_mean = nullptr;
  const ParameterTensor* running_variance = nullptr;
  float epsilon = 1e-5f;
  bool batch_statistics = true;
  BufferId statistics = no_buffer;
};

struct AffineTerm {
  BufferId x = no_buffer;
  std::optional<Normalisation> norm;
};

// Fills norm.statistics from the batch or from the running statistics.
std::unique_ptr<Kernel> make_statistics(const Normalisation& norm, BufferId x, const Extent& extent);

// With a `mask` (mask_floats per image) it also writes where an activation with two slopes has the upper one.
std::unique_ptr<Kernel> make_affine_sum(std::vector<AffineTerm> terms,
                                        std::optional<ActivationFunction> activation, BufferId y,
                                        BufferId mask, const Extent& extent);

// First step backward: g = f'(.) * (sum of contributions), and what the batch norms need of it. With a single
// contribution and no activation g is that contribution and is not written.
//
// f' comes from `mask` or from `y`, the activation's output; without either from its input, which the only
// term gives.
struct AffineGradient {
  std::vector<BufferId> contributions;
  std::optional<ActivationFunction> activation;
  BufferId mask = no_buffer, y = no_buffer;
  std::vector<AffineTerm> terms;       // batch norms whose sums are wanted, or the only term
  std::vector<BufferId> coefficients;  // per batch norm: three rows p, q, r with dx = p g + q x + r
  BufferId g = no_buffer;
  bool parameter_gradients = false;
};
std::unique_ptr<Kernel> make_affine_gradient(AffineGradient gradient, const Extent& extent);

// Second step, per batch norm: dx = p g + q x + r.
std::unique_ptr<Kernel> make_norm_gradient(const Normalisation& norm, BufferId coefficients, BufferId g,
                                           BufferId x, BufferId dx, const Extent& extent);

}  // namespace assay
