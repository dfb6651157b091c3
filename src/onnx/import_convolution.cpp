// Convolutions and matrix products with constant weights.
#include "import_handlers.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// One value along height and one along width; `usual` where the attribute is left out.
std::array<std::int64_t, 2> pair_of(const Node& node, const char* attribute, std::int64_t usual) {
  const Dims values = node.integers(attribute, {usual, usual});
  if (values.size() == 2) return {values[0], values[1]};
  if (values.size() == 1 || values.size() == 3)
    throw Unsupported{fmt::format("it works on {}-dimensional data, a network on images", values.size())};
  node.fail(fmt::format("its attribute {} has {} values", attribute, values.size()));
}

// Paddings before and after that give ceil(size / stride) outputs.
std::array<std::int64_t, 2> same_padding(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                         std::int64_t dilation, bool more_after) {
  const std::int64_t outputs = (size + stride - 1) / stride;
  const std::int64_t total =
      std::max<std::int64_t>(0, (outputs - 1) * stride + dilation * (kernel - 1) + 1 - size);
  const std::int64_t less = total / 2;
  if (more_after) return {less, total - less};
  return {total - less, less};
}

ConstantPtr weights_of(Graph& graph, const Node& node, std::size_t rank) {
  ConstantPtr weights = graph.constant(node, 1);
  if (weights->dims().size() == 3 || weights->dims().size() == 5) {
    throw Unsupported{fmt::format("it is {}-dimensional; a network's convolutions are two-dimensional",
                                  weights->dims().size() - 2)};
  }
  if (weights->dims().size() != rank)
    node.fail(fmt::format("its weights have {} dimensions", weights->dims().size()));
  return weights;
}

ConstantPtr bias_of(Graph& graph, const Node& node, std::int64_t channels) {
  if (!node.has_input(2)) return nullptr;
  ConstantPtr bias = graph.constant(node, 2);
  if (bias->count() != channels)
    node.fail(fmt::format("its bias has {} values for {} channels", bias->count(), channels));
  return bias;
}

struct Axis2 {
  std::int64_t size, kernel, stride, dilation, before, after;
};

// ONNX gives the output's size, or extra rows, where a network has a smaller padding behind.
void transposed_padding(const Node& node, Axis2& axis, std::int64_t extra, std::int64_t output,
                        const std::string& auto_pad) {
  const std::int64_t reach = axis.dilation * (axis.kernel - 1) + 1;
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    if (output < 0) output = axis.size * axis.stride;
  } else if (auto_pad == "VALID") {
    axis.before = axis.after = 0;
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    node.fail(fmt::format("its auto_pad {} is unknown", auto_pad));
  }
  if (output >= 0) {
    const std::int64_t total = axis.stride * (axis.size - 1) + extra + reach - output;
    const std::int64_t less = total >= 0 ? total / 2 : -((-total) / 2);
    axis.before = auto_pad == "SAME_UPPER" ? less : total - less;
    axis.after = total - axis.before;
    if (axis.before < 0) {
      // Rows can be added behind only.
      axis.after += axis.before;
      axis.before = 0;
    }
  }
  axis.after -= extra;
}

}  // namespace

std::int32_t checked_extent(const Node& node, std::int64_t value, const char* what) {
  constexpr std::int64_t most = 1 << 20;
  if (value < -most || value > most) node.fail(fmt::format("its {} of {} is out of range", what, value));
  return static_cast<std::int32_t>(value);
}

Window window_of(const Node& node, Shape shape, const Dims& kernel) {
  if (kernel.size() != 2)
    throw Unsupported{fmt::format("its kernel has {} dimensions, those of a network 2", kernel.size())};
  const auto strides = pair_of(node, "strides", 1), dilations = pair_of(node, "dilations", 1);
  Dims pads = node.integers("pads", {0, 0, 0, 0});
  if (pads.size() == 2 || pads.size() == 6)
    throw Unsupported{fmt::format("it works on {}-dimensional data, a network on images", pads.size() / 2)};
  if (pads.size() != 4) node.fail(fmt::format("its attribute pads has {} values", pads.size()));
  for (const std::int64_t value :
       {kernel[0], kernel[1], strides[0], strides[1], dilations[0], dilations[1]}) {
    if (checked_extent(node, value, "kernel, stride or dilation") < 1)
      node.fail("its kernel, stride or dilation is below 1");
  }
  for (const std::int64_t pad : pads) checked_extent(node, pad, "padding");
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "VALID") {
    pads = {0, 0, 0, 0};
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const auto rows = same_padding(shape.height, kernel[0], strides[0], dilations[0], mode == "SAME_UPPER");
    const auto columns = same_padding(shape.width, kernel[1], strides[1], dilations[1], mode == "SAME_UPPER");
    pads = {rows[0], columns[0], rows[1], columns[1]};
  } else if (mode != "NOTSET" && !mode.empty()) {
    node.fail(fmt::format("its auto_pad {} is unknown", mode));
  }
  const auto extent = [&](std::int64_t value) { return checked_extent(node, value, "padding"); };
  return {.kernel_h = extent(kernel[0]),
          .kernel_w = extent(kernel[1]),
          .stride_h = extent(strides[0]),
          .stride_w = extent(strides[1]),
          .dilation_h = extent(dilations[0]),
          .dilation_w = extent(dilations[1]),
          .pad_top = extent(pads[0]),
          .pad_left = extent(pads[1]),
          .pad_bottom = extent(pads[2]),
          .pad_right = extent(pads[3])};
}

void read_conv(Graph& graph, const Node& node) {
  const ConstantPtr weights = weights_of(graph, node, 4);
  const OpId x = graph.image(node, 0);
  const Dims& dims = weights->dims();
  const Dims kernel = node.integers("kernel_shape", {dims[2], dims[3]});
  if (kernel != Dims{dims[2], dims[3]}) node.fail("its kernel_shape contradicts its weights");
  const std::int64_t groups = checked_extent(node, node.integer("group", 1), "group count");
  if (groups < 1 || dims[1] * groups != graph.draft().shape(x).channels) {
    node.fail(fmt::format("its weights of {} and {} groups do not fit {} input channels", text_of(dims),
                          groups, graph.draft().shape(x).channels));
  }
  const Window window = window_of(node, graph.draft().shape(x), kernel);
  const Draft::Windowed input = graph.draft().without_pad(x, window, OpKind::convolution);
  const ConstantPtr bias = bias_of(graph, node, dims[0]);
  graph.set_image(node, graph.draft().add({.op = {.kind = OpKind::convolution,
                                                  .bias = bias != nullptr,
                                                  .channels = checked_extent(node, dims[0], "channel count"),
                                                  .groups = static_cast<std::int32_t>(groups),
                                                  .window = input.window},
                                           .inputs = {input.x},
                                           .name = readable_name(node.proto()),
                                           .values = Matrix{.weight = weights, .bias = bias}}));
}

void read_conv_transpose(Graph& graph, const Node& node) {
  const ConstantPtr weights = weights_of(graph, node, 4);
  const OpId x = graph.image(node, 0);
  const Shape shape = graph.draft().shape(x);
  const Dims& dims = weights->dims();
  const Dims kernel = node.integers("kernel_shape", {dims[2], dims[3]});
  if (kernel != Dims{dims[2], dims[3]}) node.fail("its kernel_shape contradicts its weights");
  const std::int64_t groups = checked_extent(node, node.integer("group", 1), "group count");
  if (dims[0] != shape.channels) node.fail("its weights do not fit its input's channels");
  const auto strides = pair_of(node, "strides", 1), dilations = pair_of(node, "dilations", 1);
  const auto extra = pair_of(node, "output_padding", 0), output = pair_of(node, "output_shape", -1);
  const Dims pads = node.integers("pads", {0, 0, 0, 0});
  if (pads.size() != 4) throw Unsupported{"it does not work on images"};
  const std::string auto_pad = node.text("auto_pad", "NOTSET");
  std::array<Axis2, 2> axes;
  for (std::size_t i = 0; i < 2; ++i) {
    axes[i] = {
        i == 0 ? shape.height : shape.width, kernel[i], strides[i], dilations[i], pads[i], pads[i + 2]};
    for (const std::int64_t value : {kernel[i], strides[i], dilations[i], pads[i], pads[i + 2], extra[i]})
      checked_extent(node, value, "window");
    if (output[i] >= 0) checked_extent(node, output[i], "output_shape");
    transposed_padding(node, axes[i], extra[i], output[i], auto_pad);
  }
  const auto extent = [&](std::int64_t value) { return checked_extent(node, value, "window"); };
  const ConstantPtr bias = bias_of(graph, node, dims[1] * groups);
  graph.set_image(node, graph.draft().add({.op = {.kind = OpKind::transposed_convolution,
                                                  .bias = bias != nullptr,
                                                  .channels = extent(dims[1] * groups),
                                                  .groups = static_cast<std::int32_t>(groups),
                                                  .window = {.kernel_h = extent(kernel[0]),
                                                             .kernel_w = extent(kernel[1]),
                                                             .stride_h = extent(strides[0]),
                                                             .stride_w = extent(strides[1]),
                                                             .dilation_h = extent(dilations[0]),
                                                             .dilation_w = extent(dilations[1]),
                                                             .pad_top = extent(axes[0].before),
                                                             .pad_left = extent(axes[1].before),
                                                             .pad_bottom = extent(axes[0].after),
                                                             .pad_right = extent(axes[1].after)}},
                                           .inputs = {x},
                                           .name = readable_name(node.proto()),
                                           .values = Matrix{.weight = weights, .bias = bias}}));
}

namespace {

// A matrix product over the channels of {n, 1, 1} tensors.
OpId add_linear(Graph& graph, const Node& node, OpId x, Matrix matrix) {
  const Dims& dims = matrix.weight->dims();
  const std::int64_t in = dims[dims.size() - (matrix.transposed ? 2 : 1)];
  const std::int64_t out = dims[dims.size() - (matrix.transposed ? 1 : 2)];
  Draft& draft = graph.draft();
  if (in != draft.shape(x).channels) {
    node.fail(fmt::format("its weights of {} do not fit an input of {} features", text_of(dims),
                          draft.shape(x).channels));
  }
  // The order of features in a channels-last model is put into the weights.
  if (draft.op(x).op.kind == OpKind::channel_shuffle) {
    matrix.shuffle = draft.op(x).op.groups;
    x = draft.op(x).inputs[0];
  }
  const bool bias = matrix.bias != nullptr;
  return draft.add(
      {.op = {.kind = OpKind::linear, .bias = bias, .channels = checked_extent(node, out, "feature count")},
       .inputs = {x},
       .name = readable_name(node.proto()),
       .values = std::move(matrix)});
}

}  // namespace

void read_gemm(Graph& graph, const Node& node) {
  node.ignore("broadcast");
  if (node.integer("transA", 0) != 0) throw Unsupported{"it transposes the image's features"};
  const ConstantPtr weights = graph.constant(node, 1);
  if (weights->dims().size() != 2) node.fail("its weights are no matrix");
  const OpId x = graph.features(node, 0);
  Matrix matrix{.weight = weights,
                .transposed = node.integer("transB", 0) == 0,
                .factor = node.real("alpha", 1),
                .bias_factor = node.real("beta", 1)};
  if (node.has_input(2)) {
    matrix.bias = graph.constant(node, 2);
    const std::int64_t out = weights->dims()[matrix.transposed ? 1 : 0];
    const Dims& dims = matrix.bias->dims();
    const bool row = dims.size() < 2 || dims[0] == 1;
    if (matrix.bias->count() != 1 && (matrix.bias->count() != out || !row))
      throw Unsupported{"its bias differs from image to image"};
  }
  const OpId id = add_linear(graph, node, x, std::move(matrix));
  graph.set(node, feature_view(id, graph.batch(), graph.draft().shape(id)));
}

void read_matmul(Graph& graph, const Node& node) {
  if (graph.is_constant(node, 0)) throw Unsupported{"the image is its right factor"};
  const ConstantPtr weights = graph.constant(node, 1);
  const Dims& dims = weights->dims();
  if (dims.size() < 2 || weights->count() != dims[dims.size() - 1] * dims[dims.size() - 2])
    throw Unsupported{"its weights are no matrix"};
  const View& settled = graph.settled(node, 0);
  const int last = settled.rank() - 1;
  const Shape shape = graph.shape(settled);
  if (last < 1 || channel_dim(settled, shape, last) != last)
    throw Unsupported{"it multiplies along a dimension that is not the channels"};
  View view = settled;
  Matrix matrix{.weight = weights, .transposed = true};
  const std::int64_t in = dims[dims.size() - 2], out = dims[dims.size() - 1];
  if (shape.height == 1 && shape.width == 1) {
    view.id = add_linear(graph, node, view.id, std::move(matrix));
  } else {
    if (in != shape.channels)
      node.fail(fmt::format("its weights of {} do not fit {} channels", text_of(dims), shape.channels));
    view.id = graph.draft().add(
        {.op = {.kind = OpKind::convolution, .channels = checked_extent(node, out, "channel count")},
         .inputs = {view.id},
         .name = readable_name(node.proto()),
         .values = std::move(matrix)});
  }
  view.dims[static_cast<std::size_t>(last)] = whole(Axis::channel, out);
  graph.set(node, std::move(view));
}

}  // namespace assay::onnx_import
