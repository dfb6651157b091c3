// The typical blocks that the runtime is measured on.
#pragma once

#include "assay/network/builder.hpp"

#include <array>
#include <vector>

namespace assay {

inline OpId relu_conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int stride = 1) {
  x = b.activation(x, Activation::relu, "relu");
  x = b.convolution(x, channels, Window::square(kernel, stride), "conv");
  return b.batch_norm(x, "bn");
}

inline OpId conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int groups = 1) {
  return b.batch_norm(b.convolution(x, channels, Window::square(kernel), "conv", groups), "bn");
}

// NAS-Bench-201's cell with a 3x3 convolution on each of its six edges.
inline OpId conv3x3_cell(NetworkBuilder& b, OpId x, int channels) {
  std::array<OpId, 4> node{x};
  for (std::size_t to = 1; to < 4; ++to) {
    std::vector<OpId> edges;
    for (std::size_t from = 0; from < to; ++from) edges.push_back(relu_conv_bn(b, node[from], channels, 3));
    node[to] = b.sum(edges, "node");
  }
  return node[3];
}

// A typical cell: two 3x3, a 1x1, a pooling, a skip connection and an absent edge.
inline OpId mixed_cell(NetworkBuilder& b, OpId x, int channels) {
  const OpId n1 = relu_conv_bn(b, x, channels, 3);
  const OpId n2 = b.sum(b.average_pool(x, Window::square(3), "pool"), relu_conv_bn(b, n1, channels, 1), "n2");
  return b.sum(relu_conv_bn(b, n2, channels, 3), x, "n3");
}

using Cell = OpId (*)(NetworkBuilder&, OpId, int);

// The whole network that NAS-Bench-201 makes of a cell.
inline Network nasbench201(Cell cell) {
  NetworkBuilder b({3, 32, 32});
  OpId x = conv_bn(b, 0, 16, 3);
  for (const int channels : {16, 32, 64}) {
    if (channels > 16) {
      const OpId long_way = relu_conv_bn(b, relu_conv_bn(b, x, channels, 3, 2), channels, 3);
      Window halve;
      halve.kernel_h = halve.kernel_w = halve.stride_h = halve.stride_w = 2;
      const OpId shortcut = b.convolution(b.average_pool(x, halve, "pool"), channels, Window{}, "shortcut");
      x = b.sum(long_way, shortcut, "reduce");
    }
    for (int i = 0; i < 5; ++i) x = cell(b, x, channels);
  }
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  return std::move(b).finish(b.linear(b.global_average_pool(x, "gap"), 10, "fc"));
}

inline Network single_cell(Cell cell, int channels, int size) {
  NetworkBuilder b({channels, size, size});
  const OpId y = cell(b, 0, channels);
  return std::move(b).finish(y);
}

struct InvertedBottleneck {
  int channels, size, kernel;
  bool fused = false;    // one dense convolution instead of a 1x1 and a depthwise one
  bool squeeze = false;  // squeeze-and-excitation
};

// Expansion 6.
inline Network inverted_bottleneck(const InvertedBottleneck& block) {
  NetworkBuilder b({block.channels, block.size, block.size});
  const auto relu6 = [&b](OpId x) { return b.activation(x, Activation::relu6, "relu6"); };
  const int wide = 6 * block.channels;
  OpId y = relu6(conv_bn(b, 0, wide, block.fused ? block.kernel : 1));
  if (!block.fused) y = relu6(conv_bn(b, y, wide, block.kernel, wide));
  if (block.squeeze) {
    OpId gate = b.global_average_pool(y, "squeeze");
    gate = b.activation(b.convolution(gate, wide / 4, Window{}, "reduce", 1, true), Activation::relu, "relu");
    gate =
        b.activation(b.convolution(gate, wide, Window{}, "expand", 1, true), Activation::h_sigmoid, "gate");
    y = b.multiply(y, gate, "excite");
  }
  y = b.sum(conv_bn(b, y, block.channels, 1), 0, "residual");
  return std::move(b).finish(y);
}

inline Network residual(int channels, int size) {
  NetworkBuilder b({channels, size, size});
  OpId y = b.activation(conv_bn(b, 0, channels, 3), Activation::relu, "relu");
  y = b.activation(b.sum(conv_bn(b, y, channels, 3), 0, "residual"), Activation::relu, "relu");
  return std::move(b).finish(y);
}

inline Network plain_chain(int channels, int size) {
  NetworkBuilder b({channels, size, size});
  OpId x = 0;
  for (int i = 0; i < 10; ++i) x = b.convolution(x, channels, Window::square(3), "conv");
  return std::move(b).finish(x);
}

}  // namespace assay
