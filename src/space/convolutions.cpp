#include "convolutions.hpp"

#include "expression.hpp"

#include <algorithm>
#include <cmath>

namespace assay::plan {
namespace {

struct Pads {
  int before, after;
};

Pads pads(int size, int kernel, int stride, int dilation, double padding) {
  if (padding != kPaddingSame) return {static_cast<int>(padding), static_cast<int>(padding)};
  const int reach = dilation * (kernel - 1);
  if (reach % 2 == 0) return {reach / 2, reach / 2};
  const int windows = (size + stride - 1) / stride;
  const int needed = std::max(0, (windows - 1) * stride + reach + 1 - size);
  return {needed / 2, needed - needed / 2};
}

// Two-by-two (stride-by-stride) average pooling that also covers an odd last row: ResNet-D's and
// NAS-Bench-201's way down.
OpId average_down(const BlockContext& b, OpId x, int stride, std::string_view name) {
  const Shape shape = b.builder.shape(x);
  Window w;
  w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = stride;
  w.pad_bottom = (stride - shape.height % stride) % stride;
  w.pad_right = (stride - shape.width % stride) % stride;
  return b.builder.average_pool(x, w, name);
}

}  // namespace

Convolution own_convolution(const BlockContext& b) {
  Convolution c;
  c.channels = b.channels;
  const int kernel = b.integer(Attribute::kernel);
  // 0: not given on its own.
  c.kernel_h = b.integer(Attribute::kernel_h) > 0 ? b.integer(Attribute::kernel_h) : kernel;
  c.kernel_w = b.integer(Attribute::kernel_w) > 0 ? b.integer(Attribute::kernel_w) : kernel;
  c.stride = b.stride;
  c.dilation = b.integer(Attribute::dilation);
  c.padding = b.number(Attribute::padding);
  return c;
}

Window window(Shape input, int kernel_h, int kernel_w, int stride, int dilation, double padding) {
  const Pads rows = pads(input.height, kernel_h, stride, dilation, padding);
  const Pads columns = pads(input.width, kernel_w, stride, dilation, padding);
  Window w;
  w.kernel_h = kernel_h;
  w.kernel_w = kernel_w;
  w.stride_h = w.stride_w = stride;
  w.dilation_h = w.dilation_w = dilation;
  w.pad_top = rows.before;
  w.pad_bottom = rows.after;
  w.pad_left = columns.before;
  w.pad_right = columns.after;
  return w;
}

double sequence_of(std::initializer_list<Step> steps) {
  double value = 0, digit = 1;
  for (const Step step : steps) {
    value += digit * static_cast<double>(step);
    digit *= 8;
  }
  return value;
}

Step first_step(double sequence) {
  return static_cast<Step>(static_cast<std::uint64_t>(sequence) % 8);
}

double without_first_step(double sequence) {
  return static_cast<double>(static_cast<std::uint64_t>(sequence) / 8);
}

bool ends_with_activation(double sequence) {
  auto digits = static_cast<std::uint64_t>(sequence);
  while (digits >= 8) digits /= 8;
  return static_cast<Step>(digits) == Step::act;
}

double without_last_step(double sequence) {
  std::uint64_t digit = 1;
  const auto digits = static_cast<std::uint64_t>(sequence);
  while (digits / digit >= 8) digit *= 8;
  return static_cast<double>(digits % digit);
}

OpId convolution(const BlockContext& b, OpId x, const Convolution& c, std::string_view name) {
  const Window w = window(b.builder.shape(x), c.kernel_h, c.kernel_w, c.stride, c.dilation, c.padding);
  return b.builder.convolution(x, c.channels, w, name, c.groups, c.bias);
}

OpId batch_norm(const BlockContext& b, OpId x, std::string_view name) {
  Operator op;
  op.kind = OpKind::batch_norm;
  op.parameter = static_cast<float>(b.number(Attribute::batch_norm_epsilon));
  return b.builder.add(op, {x}, name);
}

OpId activate(const BlockContext& b, OpId x, double activation, std::string_view name) {
  if (activation == kNoActivation) return x;
  const auto function = static_cast<Activation>(static_cast<int>(activation));
  const double slope = function == Activation::leaky_relu ? b.number(Attribute::negative_slope) : 0;
  return b.builder.activation(x, function, name, static_cast<float>(slope));
}

OpId run_sequence(const BlockContext& b, OpId x, double sequence, const Convolution& c,
                  const SequenceNames& names) {
  Convolution todo = c;
  for (auto digits = static_cast<std::uint64_t>(sequence); digits != 0; digits /= 8) {
    switch (static_cast<Step>(digits % 8)) {
      case Step::conv:
        x = convolution(b, x, todo, names.conv);
        break;
      case Step::bn:
        x = batch_norm(b, x, names.bn);
        break;
      case Step::act:
        x = activate(b, x, b.number(Attribute::activation), names.act);
        break;
      case Step::avgpool:
        if (todo.stride > 1) x = average_down(b, x, todo.stride, names.pool);
        todo.stride = 1;
        break;
      case Step::end:
        break;
    }
  }
  return x;
}

OpId channel_gate(const BlockContext& b, OpId x, int reduced) {
  const bool bias = b.flag(Attribute::se_bias);
  const int channels = b.builder.shape(x).channels;
  OpId gate = b.builder.global_average_pool(x, "se_pool");
  gate = b.builder.convolution(gate, reduced, Window{}, "se_reduce", 1, bias);
  gate = activate(b, gate, b.number(Attribute::se_activation), "se_act");
  gate = b.builder.convolution(gate, channels, Window{}, "se_expand", 1, bias);
  gate = activate(b, gate, b.number(Attribute::se_gate), "se_gate");
  return b.builder.multiply(x, gate, "se_scale");
}

OpId squeeze_excite(const BlockContext& b, OpId x, int block_input_channels) {
  const double se = b.number(Attribute::se);
  if (se == 0) return x;
  const double ratio = se == kSeUsesRatio ? b.number(Attribute::se_ratio) : se;
  const bool from_input = static_cast<SeFrom>(b.integer(Attribute::se_from)) == SeFrom::input;
  const double base = ratio * (from_input ? block_input_channels : b.builder.shape(x).channels);
  const int divisor = b.integer(Attribute::se_divisor);
  // Reference implementations truncate where they do not round to a divisor.
  double reduced = divisor == 1 ? std::max(1.0, std::floor(base + 1e-9)) : make_divisible(base, divisor);
  if (b.number(Attribute::se_channels) > 0) reduced = b.number(Attribute::se_channels);
  return channel_gate(b, x, static_cast<int>(std::min(reduced, 1e9)));
}

OpId shortcut(const BlockContext& b, OpId x) {
  if (b.stride == 1 && b.builder.shape(x).channels == b.channels) return x;
  const double projection = b.number(Attribute::projection);
  if (projection == 0) return -1;
  Convolution c;
  c.channels = b.channels;
  c.stride = b.stride;
  return run_sequence(b, x, projection, c, ASSAY_SEQUENCE_NAMES("projection"));
}

}  // namespace assay::plan
