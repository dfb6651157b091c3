// From groups to a program: forward steps, then backward steps in reverse, sharing buffers wherever a value
// is only passed on.
#pragma once

#include "assay/network/network.hpp"

#include "affine_sum.hpp"
#include "contraction.hpp"
#include "fusion.hpp"
#include "parameters.hpp"
#include "program.hpp"

#include <deque>
#include <optional>
#include <vector>

namespace assay {

// The parameters of one operator; null where it has none.
struct OperatorParameters {
  ParameterTensor* weight = nullptr;
  ParameterTensor* bias = nullptr;
  ParameterTensor* scale = nullptr;
  ParameterTensor* shift = nullptr;
  ParameterTensor* running_mean = nullptr;
  ParameterTensor* running_variance = nullptr;
};

// Weights into which a batch norm is multiplied before the first run.
struct FoldedNorm {
  OperatorParameters contraction, norm;
  float epsilon = 0;
  int transposed_groups = 0;  // of a transposed convolution, whose weights are {in, out / groups, kh, kw}
  ParameterTensor* weight = nullptr;
  ParameterTensor* bias = nullptr;
};

// A batch norm whose running statistics follow the batch.
struct TrackedNorm {
  OperatorParameters parameters;
  BufferId statistics = no_buffer;
  std::int64_t values = 0;  // per channel and batch
  int channels = 0, padded = 0;
};

struct Compiled {
  explicit Compiled(const CompileOptions& options) : program(options.batch, options.cache_bytes) {}

  Program program;
  ParameterSet parameters, folded;
  std::vector<FoldedNorm> folded_norms;
  std::vector<TrackedNorm> tracked_norms;
  BufferId input = no_buffer, output = no_buffer, output_gradient = no_buffer, input_gradient = no_buffer;
};

// `options` with what they imply filled in; `compiled` is empty.
void compile(const Network& network, const CompileOptions& options, Compiled& compiled);

}  // namespace assay
