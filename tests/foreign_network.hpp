// A network of the operators that networks of others hold: transposed convolutions, channel shuffles, layer
// norms, every resize and several results.
#pragma once

#include "assay/network/builder.hpp"

#include <vector>

namespace assay::test {

// Kernel and stride without padding; `added` rows and columns at the bottom and the right.
inline Window transposed_window(int kernel, int stride, int padding = 0, int added = 0) {
  Window w;
  w.kernel_h = w.kernel_w = kernel;
  w.stride_h = w.stride_w = stride;
  w.pad_top = w.pad_left = padding;
  w.pad_bottom = w.pad_right = padding - added;
  return w;
}

inline OpId transposed(NetworkBuilder& b, OpId x, int channels, const Window& window, int groups = 1,
                       bool bias = false) {
  return b.add({.kind = OpKind::transposed_convolution,
                .bias = bias,
                .channels = channels,
                .groups = groups,
                .window = window},
               {x}, "deconv");
}
inline OpId layer_norm(NetworkBuilder& b, OpId x) {
  return b.add({.kind = OpKind::layer_norm, .parameter = 1e-6f}, {x}, "layer_norm");
}
inline OpId shuffle(NetworkBuilder& b, OpId x, int groups) {
  return b.add({.kind = OpKind::channel_shuffle, .groups = groups}, {x}, "shuffle");
}
inline OpId resized(NetworkBuilder& b, OpId x, ResizeMode mode, int height, int width) {
  return b.add({.kind = OpKind::resize, .resize_mode = mode, .resize_height = height, .resize_width = width},
               {x}, "resize");
}

// An hourglass of 16x16 images with a classifier's and a segmentation's output.
inline Network foreign_network() {
  NetworkBuilder b({3, 16, 16}, "foreign");
  const auto block = [&](OpId x) {
    b.mark_block(x, "block");
    return x;
  };
  const auto normed_relu = [&](OpId x) {
    return b.activation(b.batch_norm(x, "bn"), Activation::relu, "relu");
  };
  OpId x = block(normed_relu(b.convolution(0, 24, Window::square(3, 2), "stem")));
  // ConvNeXt's block and ShuffleNet's.
  OpId y = layer_norm(b, b.convolution(x, 24, Window::square(7), "depthwise", 24, true));
  y = b.activation(b.convolution(y, 48, Window{}, "expand", 1, true), Activation::gelu, "gelu");
  x = block(b.sum(x, b.convolution(y, 24, Window{}, "project", 1, true), "sum"));
  x = block(normed_relu(b.convolution(shuffle(b, x, 4), 32, Window::square(3, 2), "grouped", 4)));
  // Up again: 4 -> 8 -> 16 pixels.
  y = normed_relu(transposed(b, x, 24, transposed_window(3, 2, 1, 1)));
  y = block(b.sum(y, normed_relu(transposed(b, x, 24, transposed_window(2, 2), 2, true)), "up"));
  y = normed_relu(transposed(b, y, 24, transposed_window(4, 2, 1), 24));
  y = resized(b, y, ResizeMode::nearest_floor, 5, 7);
  y = block(resized(b, y, ResizeMode::bilinear_align_corners, 16, 16));
  const OpId map = b.convolution(y, 5, Window{}, "segmentation", 1, true);
  const OpId classes = b.linear(b.global_average_pool(x, "pool"), 10, "classifier", true);
  return std::move(b).finish(b.add({.kind = OpKind::outputs}, {classes, map}, "outputs"));
}

}  // namespace assay::test
