// What the built-in blocks are composed of: sequences of convolution, batch norm and activation,
// squeeze-excite, projections.
#pragma once

#include "block_types.hpp"

namespace assay::plan {

// Operator names of one sequence; constants, because decode must not build strings.
struct SequenceNames {
  std::string_view conv, bn, act, pool;
};
#define ASSAY_SEQUENCE_NAMES(prefix)                    \
  ::assay::plan::SequenceNames {                        \
    prefix, prefix "_bn", prefix "_act", prefix "_pool" \
  }

struct Convolution {
  int channels = 1;
  int kernel_h = 1, kernel_w = 1;
  int stride = 1;
  int dilation = 1;
  double padding = kPaddingSame;
  int groups = 1;
  bool bias = false;
};

// The block's own kernel, dilation, padding and stride (attributes kernel, kernel_h, kernel_w, dilation,
// padding).
Convolution own_convolution(const BlockContext& b);

// "same" gives ceil(size / stride): padding on every side as PyTorch's dilation * (kernel - 1) / 2 for odd
// kernels, and only where it is needed for even ones.
Window window(Shape input, int kernel_h, int kernel_w, int stride, int dilation, double padding);

double sequence_of(std::initializer_list<Step> steps);
bool ends_with_activation(double sequence);
double without_last_step(double sequence);
double without_first_step(double sequence);
Step first_step(double sequence);

OpId convolution(const BlockContext& b, OpId x, const Convolution& c, std::string_view name);
OpId batch_norm(const BlockContext& b, OpId x, std::string_view name);
OpId activate(const BlockContext& b, OpId x, double activation, std::string_view name);
// The steps of `sequence` one after another; "none" gives x.
OpId run_sequence(const BlockContext& b, OpId x, double sequence, const Convolution& c,
                  const SequenceNames& names);

// Channel gate on x: global average pooling, 1x1 convolution, se_activation, 1x1 convolution, se_gate,
// multiply (Hu et al. 2018). Returns x when attribute `se` is off.
OpId squeeze_excite(const BlockContext& b, OpId x, int block_input_channels);
// The same with a given number of reduced channels.
OpId channel_gate(const BlockContext& b, OpId x, int reduced);

// x itself where its shape is already (channels, stride 1); else the block's `projection` of it; -1 when that
// is "none".
OpId shortcut(const BlockContext& b, OpId x);

}  // namespace assay::plan
