#include "block_types.hpp"

#include "assay/base/error.hpp"

#include "convolutions.hpp"
#include "expression.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::plan {
namespace {

using A = Attribute;

// --- Plain operators
// ------------------------------------------------------------------------------------------------

OpId build_conv(const BlockContext& b, OpId x) {
  Convolution c = own_convolution(b);
  c.groups = b.integer(A::groups);
  c.bias = b.flag(A::bias);
  return run_sequence(b, x, b.number(A::order), c, ASSAY_SEQUENCE_NAMES("conv"));
}

OpId build_depthwise(const BlockContext& b, OpId x) {
  Convolution c = own_convolution(b);
  c.channels = c.groups = b.builder.shape(x).channels;
  c.bias = b.flag(A::bias);
  return run_sequence(b, x, b.number(A::order), c, ASSAY_SEQUENCE_NAMES("depthwise"));
}

// `order` says where batch norm and activation stand around the depthwise-pointwise pair, which counts as its
// "conv"; every repetition but the last keeps the input's channels, and only the first one strides (DARTS'
// SepConv).
OpId build_separable(const BlockContext& b, OpId x) {
  const int repeat = b.integer(A::repeat);
  for (int i = 0; i < repeat; ++i) {
    Convolution depthwise = own_convolution(b);
    depthwise.channels = depthwise.groups = b.builder.shape(x).channels;
    depthwise.stride = i == 0 ? b.stride : 1;
    depthwise.bias = b.flag(A::bias);
    Convolution pointwise;
    pointwise.channels = i + 1 == repeat ? b.channels : depthwise.channels;
    pointwise.bias = depthwise.bias;
    for (double rest = b.number(A::order); rest != 0; rest = without_first_step(rest)) {
      if (first_step(rest) == Step::conv)
        x = run_sequence(b, x, b.number(A::depthwise_order), depthwise, ASSAY_SEQUENCE_NAMES("depthwise"));
      x = run_sequence(b, x, sequence_of({first_step(rest)}), pointwise, ASSAY_SEQUENCE_NAMES("pointwise"));
    }
  }
  return x;
}

OpId build_identity(const BlockContext& b, OpId x) {
  const OpId y = shortcut(b, x);
  if (y >= 0) return y;
  const Shape shape = b.builder.shape(x);
  throw InputError(
      fmt::format("Block \"{}\" is an identity without projection, but it has to turn {} channels into {} at "
                  "stride {}. Set projection = \"conv_bn\", or make channels equal and the stride 1.",
                  b.builder.scope(), shape.channels, b.channels, b.stride));
}

OpId build_none(const BlockContext& b, OpId x) {
  return b.builder.zero(x, b.channels, b.stride, "none");
}

OpId build_pool(const BlockContext& b, OpId x, bool maximum) {
  if (b.number(A::projection) != 0 && b.builder.shape(x).channels != b.channels) {
    Convolution c;
    c.channels = b.channels;
    x = run_sequence(b, x, b.number(A::projection), c, ASSAY_SEQUENCE_NAMES("projection"));
  }
  const Convolution c = own_convolution(b);
  const Window w = window(b.builder.shape(x), c.kernel_h, c.kernel_w, c.stride, 1, c.padding);
  x = maximum ? b.builder.max_pool(x, w, "pool")
              : b.builder.average_pool(x, w, "pool", b.flag(A::count_include_pad));
  return b.flag(A::batch_norm) ? batch_norm(b, x, "pool_bn") : x;
}
OpId build_max_pool(const BlockContext& b, OpId x) {
  return build_pool(b, x, true);
}
OpId build_avg_pool(const BlockContext& b, OpId x) {
  return build_pool(b, x, false);
}

OpId build_activation(const BlockContext& b, OpId x) {
  return activate(b, x, b.number(A::activation), "act");
}
OpId build_batch_norm(const BlockContext& b, OpId x) {
  return batch_norm(b, x, "bn");
}

OpId build_squeeze_excite(const BlockContext& b, OpId x) {
  return squeeze_excite(b, x, b.builder.shape(x).channels);
}

OpId build_resize(const BlockContext& b, OpId x) {
  const Shape shape = b.builder.shape(x);
  const auto extent = [&](A given, int now) {
    return b.integer(given) > 0 ? b.integer(given) : static_cast<int>(std::lround(now * b.number(A::scale)));
  };
  Operator op;
  op.kind = OpKind::resize;
  op.resize_mode = static_cast<ResizeMode>(b.integer(A::mode));
  op.resize_height = extent(A::height, shape.height);
  op.resize_width = extent(A::width, shape.width);
  return b.builder.add(op, {x}, "resize");
}

OpId build_slice(const BlockContext& b, OpId x) {
  Operator op;
  op.kind = OpKind::slice;
  op.channels = b.channels;
  op.slice_begin = b.integer(A::begin);
  return b.builder.add(op, {x}, "slice");
}

template <OpKind kind>
OpId build_plain(const BlockContext& b, OpId x) {
  Operator op;
  op.kind = kind;
  return b.builder.add(op, {x}, to_string(kind));
}

OpId build_channel_shuffle(const BlockContext& b, OpId x) {
  Operator op;
  op.kind = OpKind::channel_shuffle;
  op.groups = b.integer(A::groups);
  return b.builder.add(op, {x}, "shuffle");
}

OpId build_linear(const BlockContext& b, OpId x) {
  const Shape shape = b.builder.shape(x);
  if (shape.height != 1 || shape.width != 1) x = build_plain<OpKind::flatten>(b, x);
  return b.builder.linear(x, b.channels, "linear", b.flag(A::bias));
}

OpId build_classifier(const BlockContext& b, OpId x) {
  return build_linear(b, b.builder.global_average_pool(x, "global_average_pool"));
}

// --- Composed blocks
// ------------------------------------------------------------------------------------------------

int expanded_channels(const BlockContext& b, int in) {
  if (b.integer(A::expanded) > 0) return b.integer(A::expanded);
  const double exact = in * b.number(A::expansion);
  const int divisor = b.integer(A::divisor);
  return static_cast<int>(divisor == 1 ? std::round(exact) : make_divisible(exact, divisor));
}

// The residual sum of a block whose main path ended in `y`; the shortcut may be missing (-1).
OpId add_shortcut(const BlockContext& b, OpId y, OpId from) {
  if (!b.flag(A::skip)) return y;
  const OpId other = shortcut(b, from);
  return other < 0 ? y : b.builder.sum(y, other, "add");
}

// Inverted bottleneck (MobileNetV2, Sandler et al. 2018; with squeeze-excite MobileNetV3 and EfficientNet).
OpId build_ibn(const BlockContext& b, OpId x) {
  const int in = b.builder.shape(x).channels;
  const int inner = expanded_channels(b, in);
  Convolution pointwise;
  pointwise.channels = inner;
  pointwise.groups = b.integer(A::pointwise_groups);
  Convolution depthwise = own_convolution(b);
  depthwise.channels = depthwise.groups = inner;
  const double conv_bn_act = sequence_of({Step::conv, Step::bn, Step::act});

  OpId y = x;
  if (inner != in || b.flag(A::always_expand))
    y = run_sequence(b, y, conv_bn_act, pointwise, ASSAY_SEQUENCE_NAMES("expand"));
  y = run_sequence(b, y, conv_bn_act, depthwise, ASSAY_SEQUENCE_NAMES("depthwise"));
  y = squeeze_excite(b, y, in);
  pointwise.channels = b.channels;
  y = run_sequence(b, y, sequence_of({Step::conv, Step::bn}), pointwise, ASSAY_SEQUENCE_NAMES("project"));
  return add_shortcut(b, y, x);
}

// Fused inverted bottleneck (EfficientNet-EdgeTPU, EfficientNetV2): the expansion and the depthwise
// convolution become one dense convolution; without expansion nothing is left to project.
OpId build_fused_ibn(const BlockContext& b, OpId x) {
  const int in = b.builder.shape(x).channels;
  const int inner = expanded_channels(b, in);
  const bool expands = inner != in || b.flag(A::always_expand);
  Convolution expand = own_convolution(b);
  expand.channels = expands ? inner : b.channels;
  expand.groups = b.integer(A::groups);
  OpId y = run_sequence(b, x, sequence_of({Step::conv, Step::bn, Step::act}), expand,
                        ASSAY_SEQUENCE_NAMES("expand"));
  y = squeeze_excite(b, y, in);
  if (expands) {
    Convolution project;
    project.channels = b.channels;
    y = run_sequence(b, y, sequence_of({Step::conv, Step::bn}), project, ASSAY_SEQUENCE_NAMES("project"));
  }
  return add_shortcut(b, y, x);
}

// The main path of residual blocks: `order` around each convolution. An order that ends with an activation
// keeps the last one for after the sum; one that begins with batch norm (pre-activation, He et al. 2016b)
// feeds a projecting shortcut from behind its first activation.
OpId residual_path(const BlockContext& b, OpId x, std::span<const Convolution> path,
                   std::span<const SequenceNames> names) {
  const double order = b.number(A::order);
  const int in = b.builder.shape(x).channels;
  double first = order;
  OpId y = x;
  OpId from = x;
  if (first_step(order) == Step::bn) {
    double before = 0, digit = 1;
    while (first != 0 && first_step(first) != Step::conv) {
      before += digit * static_cast<double>(first_step(first));
      digit *= 8;
      first = without_first_step(first);
    }
    y = run_sequence(b, y, before, path[0], names[0]);
    if (b.stride != 1 || in != b.channels) from = y;
  }
  const bool activate_sum = ends_with_activation(order);
  for (std::size_t i = 0; i < path.size(); ++i) {
    double steps = i == 0 ? first : order;
    if (i + 1 == path.size() && activate_sum) steps = without_last_step(steps);
    y = run_sequence(b, y, steps, path[i], names[i]);
    if (i + 2 == path.size() && path.size() == 3) y = squeeze_excite(b, y, in);
  }
  if (path.size() == 2) y = squeeze_excite(b, y, in);
  y = add_shortcut(b, y, from);
  return activate_sum ? activate(b, y, b.number(A::activation), "act") : y;
}

// Two convolutions (ResNet's basic block, He et al. 2016).
OpId build_residual(const BlockContext& b, OpId x) {
  static constexpr SequenceNames kNames[] = {ASSAY_SEQUENCE_NAMES("conv1"), ASSAY_SEQUENCE_NAMES("conv2")};
  Convolution path[2] = {own_convolution(b), own_convolution(b)};
  if (b.integer(A::inner) > 0) path[0].channels = b.integer(A::inner);
  path[0].groups = path[1].groups = b.integer(A::groups);
  path[1].stride = 1;
  return residual_path(b, x, path, kNames);
}

int bottleneck_groups(const BlockContext& b, int inner) {
  const int width = b.integer(A::group_width);
  if (width == 0) return b.integer(A::groups);
  if (inner <= width) return 1;
  if (inner % width == 0) return inner / width;
  throw InputError(fmt::format(
      "Block \"{}\" cannot be built: group_width {} does not divide its {} inner channels. Choose "
      "a width that does, or round the channels to a multiple of it.",
      b.builder.scope(), width, inner));
}

// 1x1, kxk, 1x1 (ResNet-50; grouped: ResNeXt, Xie et al. 2017; with group_width: RegNet, Radosavovic et al.
// 2020).
OpId build_bottleneck(const BlockContext& b, OpId x) {
  static constexpr SequenceNames kNames[] = {ASSAY_SEQUENCE_NAMES("reduce"), ASSAY_SEQUENCE_NAMES("conv"),
                                             ASSAY_SEQUENCE_NAMES("expand")};
  const int inner = b.integer(A::inner) > 0 ? b.integer(A::inner)
                                            : static_cast<int>(std::round(b.channels * b.number(A::ratio)));
  const bool stride_first = static_cast<StrideAt>(b.integer(A::stride_at)) == StrideAt::first;
  Convolution path[3];
  path[1] = own_convolution(b);
  path[0].channels = path[1].channels = inner;
  path[0].stride = stride_first ? b.stride : 1;
  path[1].stride = stride_first ? 1 : b.stride;
  path[1].groups = bottleneck_groups(b, inner);
  path[2].channels = b.channels;
  return residual_path(b, x, path, kNames);
}

// --- Which attributes each takes
// ------------------------------------------------------------------------------------

using Defaults = std::vector<AttributeDefault>;

Defaults operator+(Defaults a, const Defaults& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double named(AttributeKind kind, std::string_view text) {
  return named_value(kind, text).value();
}
double sequence(std::string_view text) {
  return named(AttributeKind::sequence, text);
}
double function(std::string_view text) {
  return named(AttributeKind::activation, text);
}

Defaults kernel(double size) {
  return {{A::kernel, size}, {A::kernel_h, 0}, {A::kernel_w, 0}, {A::padding, kPaddingSame}};
}
Defaults normalised(std::string_view activation = "relu") {
  return {{A::activation, function(activation)}, {A::negative_slope, 0.01}, {A::batch_norm_epsilon, 0}};
}
Defaults squeeze(double on) {
  return {{A::se, on},
          {A::se_ratio, 0.25},
          {A::se_from, static_cast<double>(SeFrom::input)},
          {A::se_channels, 0},
          {A::se_divisor, 1},
          {A::se_activation, function("relu")},
          {A::se_bias, 1},
          {A::se_gate, function("sigmoid")}};
}
Defaults inverted() {
  return {{A::dilation, 1},      {A::expansion, 6}, {A::expanded, 0},  {A::divisor, 1},
          {A::always_expand, 0}, {A::skip, 1},      {A::projection, 0}};
}
Defaults residual(std::string_view order) {
  return {{A::dilation, 1},
          {A::order, sequence(order)},
          {A::projection, sequence("conv_bn")},
          {A::skip, 1},
          {A::groups, 1},
          {A::inner, 0}};
}

std::vector<BlockType> make_block_types() {
  const Defaults conv = {{A::dilation, 1}, {A::bias, 0}, {A::order, sequence("conv_bn_act")}};
  const Defaults projecting = {{A::projection, sequence("conv_bn")}};
  const Defaults slope = {{A::negative_slope, 0.01}};
  const Defaults pool = {{A::projection, 0}, {A::batch_norm, 0}};
  const Defaults extents = {{A::height, 0}, {A::width, 0}, {A::scale, 1}, {A::mode, 0}};
  return {
      // name, build, takes channels, takes stride, marked, attributes
      {"conv", build_conv, true, true, true, kernel(3) + conv + Defaults{{A::groups, 1}} + normalised()},
      {"depthwise", build_depthwise, false, true, true, kernel(3) + conv + normalised()},
      {"separable", build_separable, true, true, true,
       kernel(3) + conv + Defaults{{A::depthwise_order, sequence("conv")}, {A::repeat, 1}} + normalised()},
      {"ibn", build_ibn, true, true, true,
       kernel(3) + inverted() + Defaults{{A::pointwise_groups, 1}} + squeeze(0) + normalised()},
      {"fused_ibn", build_fused_ibn, true, true, true,
       kernel(3) + inverted() + Defaults{{A::groups, 1}} + squeeze(0) + normalised()},
      {"residual", build_residual, true, true, true,
       kernel(3) + residual("conv_bn_act") + squeeze(0) + normalised()},
      {"bottleneck", build_bottleneck, true, true, true,
       kernel(3) + residual("conv_bn_act") +
           Defaults{
               {A::ratio, 0.25}, {A::group_width, 0}, {A::stride_at, static_cast<double>(StrideAt::kernel)}} +
           squeeze(0) + normalised()},
      {"identity", build_identity, true, true, true, projecting + normalised()},
      {"none", build_none, true, true, false, {}},
      {"max_pool", build_max_pool, true, true, false, kernel(3) + pool + normalised()},
      {"avg_pool", build_avg_pool, true, true, false,
       kernel(3) + Defaults{{A::count_include_pad, 0}} + pool + normalised()},
      {"global_average_pool", build_plain<OpKind::global_average_pool>, false, false, false, {}},
      {"global_max_pool", build_plain<OpKind::global_max_pool>, false, false, false, {}},
      {"flatten", build_plain<OpKind::flatten>, false, false, false, {}},
      {"linear", build_linear, true, false, false, {{A::bias, 1}}},
      {"classifier", build_classifier, true, false, false, {{A::bias, 1}}},
      {"activation", build_activation, false, false, false,
       Defaults{{A::activation, function("relu")}} + slope},
      {"batch_norm", build_batch_norm, false, false, false, {{A::batch_norm_epsilon, 0}}},
      {"squeeze_excite", build_squeeze_excite, false, false, false, squeeze(kSeUsesRatio) + slope},
      {"resize", build_resize, false, false, false, extents},
      {"slice", build_slice, true, false, false, {{A::begin, 0}}},
      {"softmax", build_plain<OpKind::softmax>, false, false, false, {}},
      {"layer_norm", build_plain<OpKind::layer_norm>, false, false, false, {}},
      {"channel_shuffle", build_channel_shuffle, false, false, false, {{A::groups, 2}}},
  };
}

const std::vector<BlockType>& types() {
  static const std::vector<BlockType> all = make_block_types();
  return all;
}

}  // namespace

std::span<const BlockType> block_types() {
  return types();
}

std::optional<int> block_type_from(std::string_view name) {
  for (std::size_t i = 0; i < types().size(); ++i)
    if (types()[i].name == name) return static_cast<int>(i);
  return std::nullopt;
}

}  // namespace assay::plan
