// Random networks of two kinds for the tests of scores: cells with an operator on every edge, and inverted
// bottlenecks with depthwise convolutions, gates and smooth activations.
#pragma once

#include "assay/base/random.hpp"
#include "assay/network/builder.hpp"

#include <array>
#include <string>
#include <vector>

namespace assay::test {

inline OpId conv_bn(NetworkBuilder& b, OpId x, int channels, int kernel, int stride = 1, int groups = 1) {
  return b.batch_norm(b.convolution(x, channels, Window::square(kernel, stride), "conv", groups), "bn");
}

inline OpId classifier(NetworkBuilder& b, OpId x, int classes) {
  return b.linear(b.global_average_pool(x, "pool"), classes, "classifier");
}

// A stem, then two stages of two cells with a residual reduction between. Each cell is a graph of four nodes.
inline Network cell_network(std::uint64_t index, Shape input = {3, 10, 10}) {
  Random random(99, Purpose::sample, 1, index);
  const int channels = 6 + 5 * static_cast<int>(random.below(4));
  std::array<std::uint64_t, 6> ops;
  for (auto& op : ops) op = random.below(5);
  ops[5] = 1 + random.below(4);  // the last edge is never none, so that the cell is connected
  ops[4] = 1 + random.below(4);
  ops[3] = 1 + random.below(4);

  NetworkBuilder b(input, "cell");
  OpId x = conv_bn(b, 0, channels, 3);
  b.mark_block(x, "stem");
  const auto edge = [&](std::uint64_t op, OpId from) -> OpId {
    const int width = b.shape(from).channels;
    switch (op) {
      case 0:
        return b.zero(from, width, 1, "none");
      case 1:
        return from;
      case 2:
        return conv_bn(b, b.activation(from, Activation::relu, "relu"), width, 1);
      case 3:
        return conv_bn(b, b.activation(from, Activation::relu, "relu"), width, 3);
      default:
        return b.average_pool(from, Window::square(3), "pool");
    }
  };
  for (int stage = 0; stage < 2; ++stage) {
    for (int cell = 0; cell < 2; ++cell) {
      const OpId n1 = edge(ops[0], x);
      const OpId n2 = b.sum(edge(ops[1], x), edge(ops[2], n1), "sum");
      const OpId n3[] = {edge(ops[3], x), edge(ops[4], n1), edge(ops[5], n2)};
      x = b.sum(n3, "sum");
      b.mark_block(x, "cell");
    }
    if (stage == 1) break;
    const int wide = 2 * channels;
    OpId main = conv_bn(b, b.activation(x, Activation::relu, "relu"), wide, 3, 2);
    main = conv_bn(b, b.activation(main, Activation::relu, "relu"), wide, 3);
    const OpId shortcut =
        b.convolution(b.average_pool(x, {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}, "pool"),
                      wide, Window::square(1), "shortcut");
    x = b.sum(main, shortcut, "sum");
    b.mark_block(x, "reduction");
  }
  x = b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  return std::move(b).finish(classifier(b, x, 10));
}

inline Network bottleneck_network(std::uint64_t index, Shape input = {3, 14, 14}) {
  Random random(99, Purpose::sample, 2, index);
  constexpr std::array activations = {Activation::relu, Activation::relu6, Activation::h_swish,
                                      Activation::silu, Activation::gelu,  Activation::leaky_relu};
  const Activation function = activations[random.below(activations.size())];
  NetworkBuilder b(input, "bottleneck");
  const auto activate = [&](OpId x) { return b.activation(x, function, "activation", 0.1f); };
  OpId x = activate(conv_bn(b, 0, 8, 3));
  b.mark_block(x, "stem");
  for (std::uint64_t i = 0, blocks = 2 + random.below(3); i < blocks; ++i) {
    const int in = b.shape(x).channels;
    const int out = random.below(2) == 0 ? in : in + 4;
    const int stride = i == 1 ? 2 : 1;
    const int hidden = in * (2 + static_cast<int>(random.below(2)));
    OpId y = activate(conv_bn(b, x, hidden, 1));
    y = activate(conv_bn(b, y, hidden, 3 + 2 * static_cast<int>(random.below(2)), stride, hidden));
    if (random.below(2) == 0) {
      OpId gate = b.convolution(b.global_average_pool(y, "squeeze"), hidden / 4, Window::square(1), "reduce",
                                1, true);
      gate = b.convolution(b.activation(gate, Activation::relu, "relu"), hidden, Window::square(1), "expand",
                           1, true);
      y = b.multiply(
          y, b.activation(gate, random.below(2) == 0 ? Activation::sigmoid : Activation::h_sigmoid, "gate"),
          "excite");
    }
    y = conv_bn(b, y, out, 1);
    x = stride == 1 && in == out ? b.sum(x, y, "sum") : y;
    b.mark_block(x, "block");
  }
  return std::move(b).finish(classifier(b, activate(conv_bn(b, x, 24, 1)), 7));
}

inline std::vector<Network> random_networks() {
  std::vector<Network> networks;
  for (std::uint64_t i = 0; i < 12; ++i) {
    networks.push_back(cell_network(i));
    // Odd sizes: cells of a coarser grid hang over the edge.
    networks.push_back(bottleneck_network(i, i % 2 == 0 ? Shape{3, 14, 14} : Shape{3, 13, 11}));
  }
  return networks;
}

}  // namespace assay::test
