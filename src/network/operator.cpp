#include "assay/network/operator.hpp"

#include <array>

namespace assay {
namespace {

// Names in enumerator order; also what network JSON and space files say.
constexpr std::array<std::string_view, 21> kinds = {"input",
                                                    "convolution",
                                                    "linear",
                                                    "batch_norm",
                                                    "activation",
                                                    "max_pool",
                                                    "average_pool",
                                                    "global_max_pool",
                                                    "global_average_pool",
                                                    "add",
                                                    "multiply",
                                                    "concat",
                                                    "slice",
                                                    "flatten",
                                                    "resize",
                                                    "zero",
                                                    "softmax",
                                                    "transposed_convolution",
                                                    "channel_shuffle",
                                                    "layer_norm",
                                                    "outputs"};
static_assert(kinds.size() == static_cast<std::size_t>(OpKind::outputs) + 1);

constexpr std::array<std::string_view, 9> activations = {
    "relu", "relu6", "leaky_relu", "h_swish", "h_sigmoid", "silu", "sigmoid", "tanh", "gelu"};
static_assert(activations.size() == static_cast<std::size_t>(Activation::gelu) + 1);

constexpr std::array<std::string_view, 4> resize_modes = {"nearest", "bilinear", "nearest_floor",
                                                          "bilinear_align_corners"};
static_assert(resize_modes.size() == static_cast<std::size_t>(ResizeMode::bilinear_align_corners) + 1);

template <class Enum, std::size_t n>
std::optional<Enum> find(const std::array<std::string_view, n>& names, std::string_view name) {
  for (std::size_t i = 0; i < n; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

Window Window::square(int kernel, int stride, int dilation) {
  const int pad = dilation * (kernel - 1) / 2;
  return {.kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .dilation_h = dilation,
          .dilation_w = dilation,
          .pad_top = pad,
          .pad_left = pad,
          .pad_bottom = pad,
          .pad_right = pad};
}

std::string_view to_string(OpKind kind) {
  return kinds[static_cast<std::size_t>(kind)];
}
std::string_view to_string(Activation activation) {
  return activations[static_cast<std::size_t>(activation)];
}
std::string_view to_string(ResizeMode mode) {
  return resize_modes[static_cast<std::size_t>(mode)];
}
std::optional<OpKind> op_kind_from(std::string_view name) {
  return find<OpKind>(kinds, name);
}
std::optional<Activation> activation_from(std::string_view name) {
  return find<Activation>(activations, name);
}
std::optional<ResizeMode> resize_mode_from(std::string_view name) {
  return find<ResizeMode>(resize_modes, name);
}
std::span<const std::string_view> op_kind_names() {
  return kinds;
}
std::span<const std::string_view> activation_names() {
  return activations;
}
std::span<const std::string_view> resize_mode_names() {
  return resize_modes;
}

}  // namespace assay
