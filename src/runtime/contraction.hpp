// Convolutions, plain and transposed, and fully connected operators: what oneDNN computes.
//
// Activations are described to oneDNN with their padded channel counts as if these were real, because that is
// what its kernels compute anyway: no tails, no zeroing of padding after each call. The weights' padding is
// zero, so the padding of every result is zero. Grouped convolutions whose groups are not whole blocks are
// the exception: they have their real sizes and are reordered at their edges.
#pragma once

#include "activation.hpp"
#include "parameters.hpp"
#include "program.hpp"

#include <memory>
#include <optional>

namespace assay {

struct Contraction {
  Window window;
  int groups = 1;
  bool bias = false;
  bool linear = false;  // inner product of one-pixel tensors; the window is 1x1
  Extent in, out;

  bool is_depthwise() const { return groups > 1 && groups == in.channels && groups == out.channels; }
  // Groups that do not fill whole channel blocks.
  bool is_ragged() const {
    const int block = block_size();
    return groups > 1 && !is_depthwise() &&
           (in.channels / groups % block != 0 || out.channels / groups % block != 0);
  }
  std::int64_t weights() const {
    return std::int64_t{in.channels} / groups * out.channels * window.kernel_h * window.kernel_w;
  }
};

struct ContractionBuffers {
  BufferId x = no_buffer, y = no_buffer, dx = no_buffer, dy = no_buffer;
  BufferId addend = no_buffer;  // of the epilogue, as large as y
  // Of a kernel that is not the first to read the weights: a whole-batch buffer for them in the layout that
  // it wants. It gets its size when bound.
  BufferId weights = no_buffer;
};

// What runs inside the primitive after the sum of products.
struct Epilogue {
  bool add = false;  // ContractionBuffers::addend
  std::optional<ActivationFunction> activation;
  bool activation_first = false;  // before the addition

  // Whether it gives what the activation on its own would, NaN and zero padding included.
  static bool supports(const ActivationFunction& function, const Extent& extent);
};

// `weight` gets its layout from the first kernel bound that reads it.
std::unique_ptr<Kernel> make_contraction(const Contraction& contraction, const ContractionBuffers& buffers,
                                         ParameterTensor& weight, const ParameterTensor* bias,
                                         const Epilogue& epilogue);
// dx from dy. dx is blocked even when the input is plain.
std::unique_ptr<Kernel> make_contraction_data_gradient(const Contraction& contraction,
                                                       const ContractionBuffers& buffers,
                                                       ParameterTensor& weight);
// Writes weight.gradient and bias->gradient from x and dy, of the whole batch.
std::unique_ptr<Kernel> make_contraction_weight_gradient(const Contraction& contraction,
                                                         const ContractionBuffers& buffers,
                                                         const ParameterTensor& weight,
                                                         const ParameterTensor* bias);

// depthwise.cpp: as above for depthwise convolutions, for which oneDNN 2.6 falls to its reference code with
// larger kernels.
std::unique_ptr<Kernel> make_depthwise_weight_gradient(const Contraction& contraction,
                                                       const ContractionBuffers& buffers,
                                                       const ParameterTensor& weight,
                                                       const ParameterTensor* bias);

// transposed_convolution.cpp. A transposed convolution is the data gradient of a convolution from its output
// to its input, which `gradient_of` describes: with buffers x and y, and no bias of its own. Its data
// gradient is that convolution, and its weight gradient that one's, with x and dy exchanged.
std::unique_ptr<Kernel> make_transposed_convolution(const Contraction& gradient_of,
                                                    const ContractionBuffers& buffers,
                                                    ParameterTensor& weight, const ParameterTensor* bias,
                                                    const Epilogue& epilogue);
// Writes bias.gradient from dy, of the whole batch.
std::unique_ptr<Kernel> make_bias_gradient(BufferId dy, const Extent& extent, const ParameterTensor& bias);

}  // namespace assay
