// One operator of a network: a plain value without inputs, shapes or names (those belong to the Network).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace assay {

// Index of an operator in its network; 0 is always the network's input.
using OpId = std::int32_t;

// Channels, height and width of one image's tensor. The batch is chosen when a network is compiled, not here.
// A flattened tensor of n features is {n, 1, 1}.
struct Shape {
  std::int32_t channels = 0;
  std::int32_t height = 1;
  std::int32_t width = 1;

  std::int64_t elements() const { return std::int64_t{channels} * height * width; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class OpKind : std::uint8_t {
  input,
  convolution,      // dense, grouped, depthwise, dilated; bias optional
  linear,           // fully connected on a flattened or {n,1,1} tensor; bias optional
  batch_norm,       // per-channel scale and shift after normalisation
  activation,       // elementwise nonlinearity, see Activation
  max_pool,         // padding never wins
  average_pool,     // see Operator::count_include_pad
  global_max_pool,  // {c,h,w} -> {c,1,1}
  global_average_pool,
  add,       // two or more inputs of one shape
  multiply,  // two inputs; one of them may be {c,1,1} (squeeze-excite gate)
  concat,    // along channels
  slice,     // channels [slice_begin, slice_begin + channels)
  flatten,   // {c,h,w} -> {c*h*w,1,1}
  resize,    // to `resize_height` x `resize_width`, half-pixel centres (oneDNN, PyTorch align_corners=False)
  zero,      // a zero tensor of `channels` channels; height and width are the input's / stride, or resize_*
  softmax,   // over channels
  transposed_convolution,  // the gradient of a convolution as an operator (ConvTranspose); see Window
  channel_shuffle,         // output channel j * groups + i is input channel i * (channels / groups) + j
  layer_norm,              // over the channels of each pixel; per-channel scale and shift
  outputs,  // several results of a network as one: all inputs flattened, one behind the other; takes no time
};

enum class Activation : std::uint8_t {
  relu,
  relu6,
  leaky_relu,  // slope for x < 0 in Operator::parameter
  h_swish,     // x * min(max(x + 3, 0), 6) / 6
  h_sigmoid,   // min(max(x + 3, 0), 6) / 6
  silu,        // x * sigmoid(x)
  sigmoid,
  tanh,
  gelu,  // exact, 0.5 x (1 + erf(x / sqrt 2))
};

// Output pixel o of `out` reads the input of `in` pixels at
enum class ResizeMode : std::uint8_t {
  nearest,                 // (o + 1/2) in / out - 1/2, the pixel whose area that is in (oneDNN; Keras)
  bilinear,                // the same point, clamped at the borders (PyTorch's align_corners=False)
  nearest_floor,           // floor(o in / out) (PyTorch's "nearest", TensorFlow 1)
  bilinear_align_corners,  // o (in - 1) / (out - 1): the corner pixels stay in the corners
};

// Kernel geometry of convolutions and pools, in pixels. A transposed convolution of the same window maps
// shapes the other way: its output is (size - 1) stride + dilation (kernel - 1) + 1 - paddings, and its
// bottom and right padding may be negative, which adds rows and columns there (PyTorch's output_padding).
struct Window {
  std::int32_t kernel_h = 1, kernel_w = 1;
  std::int32_t stride_h = 1, stride_w = 1;
  std::int32_t dilation_h = 1, dilation_w = 1;  // 1: no gap between taps
  std::int32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  // Square kernel, padded so that stride 1 keeps the size and stride s gives ceil(size / s) (PyTorch's
  // dilation * (kernel - 1) / 2 on every side).
  static Window square(int kernel, int stride = 1, int dilation = 1);
  friend bool operator==(const Window&, const Window&) = default;
};

struct Operator {
  OpKind kind = OpKind::input;
  Activation activation = Activation::relu;          // activation
  ResizeMode resize_mode = ResizeMode::nearest;      // resize
  bool bias = false;                                 // convolution, linear, transposed_convolution
  bool count_include_pad = false;                    // average_pool: divide by the whole kernel area
  std::int32_t channels = 0;                         // output channels: convolutions, linear, slice, zero
  std::int32_t groups = 1;                           // convolutions, channel_shuffle
  std::int32_t slice_begin = 0;                      // slice
  std::int32_t resize_height = 0, resize_width = 0;  // resize; zero: where not 0
  float parameter = 0;  // leaky_relu: slope; batch_norm, layer_norm: epsilon (PyTorch's 1e-5 where 0)
  Window window = {};   // convolutions, max_pool, average_pool; zero uses its stride

  bool is_commutative() const { return kind == OpKind::add || kind == OpKind::multiply; }
  bool has_parameters() const {
    return kind == OpKind::convolution || kind == OpKind::linear || kind == OpKind::batch_norm ||
           kind == OpKind::transposed_convolution || kind == OpKind::layer_norm;
  }
  friend bool operator==(const Operator&, const Operator&) = default;
};

std::string_view to_string(OpKind kind);
std::string_view to_string(Activation activation);
std::string_view to_string(ResizeMode mode);
std::optional<OpKind> op_kind_from(std::string_view name);
std::optional<Activation> activation_from(std::string_view name);
std::optional<ResizeMode> resize_mode_from(std::string_view name);
// Every name there is, for messages.
std::span<const std::string_view> op_kind_names();
std::span<const std::string_view> activation_names();
std::span<const std::string_view> resize_mode_names();

}  // namespace assay
