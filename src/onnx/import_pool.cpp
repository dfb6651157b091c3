// Pooling, reductions over pixels, and padding.
#include "import_handlers.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// With ceil_mode, windows may begin in the image and end beyond its padding: more padding behind is the same.
// Returns how much was added; windows that would begin in the padding are left out, as PyTorch does.
bool round_up(std::int32_t size, std::int32_t kernel, std::int32_t stride, std::int32_t dilation,
              std::int32_t before, std::int32_t& after) {
  const std::int64_t reach = std::int64_t{dilation} * (kernel - 1) + 1;
  const std::int64_t padded = std::int64_t{size} + before + after;
  if (padded < reach) return false;
  std::int64_t outputs = (padded - reach + stride - 1) / stride + 1;
  if ((outputs - 1) * stride >= std::int64_t{size} + before) --outputs;
  const std::int64_t more = (outputs - 1) * stride + reach - padded;
  if (more <= 0) return false;
  after += static_cast<std::int32_t>(more);
  return true;
}

// Padding behind the last window has no influence, and a network does not take more than a window of it.
void trim(std::int32_t size, std::int32_t kernel, std::int32_t stride, std::int32_t dilation,
          std::int32_t before, std::int32_t& after) {
  const std::int64_t reach = std::int64_t{dilation} * (kernel - 1) + 1;
  const std::int64_t unused = (std::int64_t{size} + before + after - reach) % stride;
  after -= static_cast<std::int32_t>(std::clamp<std::int64_t>(unused, 0, after));
}

}  // namespace

void read_pool(Graph& graph, const Node& node) {
  const bool maximum = node.type() == "MaxPool";
  const OpId x = graph.image(node, 0);
  const Shape shape = graph.draft().shape(x);
  Operator op{.kind = maximum ? OpKind::max_pool : OpKind::average_pool};
  op.window = window_of(node, shape, node.integers("kernel_shape"));
  Window& w = op.window;
  op.count_include_pad = !maximum && node.integer("count_include_pad", 0) != 0;
  node.ignore("storage_order");
  if (graph.reads_output(node, 1)) throw Unsupported{"it also gives the places of the maxima"};
  const bool padded = w.pad_top + w.pad_left + w.pad_bottom + w.pad_right != 0;
  if (node.integer("ceil_mode", 0) != 0) {
    const bool rows = round_up(shape.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom);
    const bool columns = round_up(shape.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right);
    if ((rows || columns) && op.count_include_pad) {
      // Declared padding counts, what rounding up adds does not.
      if (padded) throw Unsupported{"it counts its padding, but not what ceil_mode adds to it"};
      op.count_include_pad = false;
    }
  }
  trim(shape.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom);
  trim(shape.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right);
  Draft::Windowed input{x, w};
  const bool takes_zeros = op.count_include_pad || (w.pad_top + w.pad_left + w.pad_bottom + w.pad_right == 0);
  if (maximum || takes_zeros) input = graph.draft().without_pad(x, w, op.kind);
  if (!maximum && input.x != x) op.count_include_pad = true;
  op.window = input.window;
  graph.set_image(node, graph.draft().add(op, {input.x}, readable_name(node.proto())));
}

void read_global_pool(Graph& graph, const Node& node) {
  const OpId x = graph.image(node, 0);
  const OpKind kind = node.type() == "GlobalMaxPool" ? OpKind::global_max_pool : OpKind::global_average_pool;
  graph.set_image(node, graph.draft().add({.kind = kind}, {x}, readable_name(node.proto())));
}

void read_reduce(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  const Shape shape = graph.shape(view);
  const ConstantPtr input = node.has_input(1) ? graph.constant(node, 1) : nullptr;
  auto axes = axes_of(node, input.get(), view.rank());
  if (!axes || axes->empty()) {
    node.ignore("keepdims");
    if (node.integer("noop_with_empty_axes", 0) != 0) return graph.set(node, view);
    throw Unsupported{"it reduces the batch too"};
  }
  // Which axes of the image are reduced, each as a whole.
  Dim reduced;
  View out{view.id, {}};
  const bool keep = node.integer("keepdims", 1) != 0;
  for (int i = 0; i < view.rank(); ++i) {
    const Dim& dim = view.dims[static_cast<std::size_t>(i)];
    if (!std::ranges::binary_search(*axes, i)) {
      out.dims.push_back(dim);
      continue;
    }
    reduced.insert(reduced.end(), dim.begin(), dim.end());
    if (keep) out.dims.push_back({});
  }
  const auto holds = [&](Axis axis, std::int64_t extent) {
    return extent == 1 || std::ranges::find(reduced, Piece{axis, extent, 1}) != reduced.end();
  };
  const bool maximum = node.type() == "ReduceMax";
  const bool channels = std::ranges::any_of(reduced, [](const Piece& p) { return p.axis == Axis::channel; });
  const bool rows = std::ranges::any_of(reduced, [](const Piece& p) { return p.axis == Axis::height; });
  const bool columns = std::ranges::any_of(reduced, [](const Piece& p) { return p.axis == Axis::width; });
  const std::size_t expected = std::size_t{channels} + std::size_t{rows} + std::size_t{columns};
  if (expected != reduced.size() || (channels && !holds(Axis::channel, shape.channels)) ||
      (rows && !holds(Axis::height, shape.height)) || (columns && !holds(Axis::width, shape.width)))
    throw Unsupported{"it reduces parts of axes, or the batch"};
  Draft& draft = graph.draft();
  const std::string name = readable_name(node.proto());
  double count = 1;
  if (rows || columns) {
    const bool all = (rows || shape.height == 1) && (columns || shape.width == 1);
    Operator op{.kind = maximum ? OpKind::global_max_pool : OpKind::global_average_pool};
    if (!all) {
      op.kind = maximum ? OpKind::max_pool : OpKind::average_pool;
      op.window.kernel_h = rows ? shape.height : 1;
      op.window.kernel_w = columns ? shape.width : 1;
    }
    out.id = draft.add(op, {out.id}, name);
    count = (rows ? 1.0 * shape.height : 1.0) * (columns ? shape.width : 1);
  }
  if (channels) {
    if (maximum) throw Unsupported{"it looks for the largest channel"};
    out.id = draft.channel_mean(out.id, name);
    count *= shape.channels;
  }
  if (node.type() == "ReduceSum") out.id = draft.affine(out.id, count, 0, name);
  graph.set(node, std::move(out));
}

void read_pad(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  const auto rank = static_cast<std::size_t>(view.rank());
  Dims pads = node.integers("pads");
  if (const auto input = graph.integers(node, 1)) pads = *input;
  std::vector<int> axes;
  if (node.has_input(3)) {
    axes = axes_of(node, graph.constant(node, 3).get(), view.rank()).value_or(std::vector<int>{});
  } else {
    for (int i = 0; i < view.rank(); ++i) axes.push_back(i);
  }
  if (pads.size() != 2 * axes.size()) node.fail(fmt::format("it has {} paddings", pads.size()));
  double value = node.real("value", 0);
  if (const auto given = graph.scalar(node, 2)) value = *given;
  const Shape shape = graph.shape(view);
  Operator op{.kind = OpKind::convolution, .channels = shape.channels, .groups = shape.channels};
  Window& w = op.window;
  View out = view;
  bool any = false;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto before = checked_extent(node, pads[i], "padding");
    const auto after = checked_extent(node, pads[i + axes.size()], "padding");
    if (before == 0 && after == 0) continue;
    any = true;
    const auto axis = static_cast<std::size_t>(axes[i]);
    const Dim& dim = view.dims[axis];
    // A dimension of 1 is an axis of the image by its place.
    const bool plain = rank == 4 && channel_dim(view, shape, 1) == 1;
    const bool height = (dim == whole(Axis::height, shape.height) && !dim.empty()) || (plain && axis == 2);
    const bool width = (dim == whole(Axis::width, shape.width) && !dim.empty()) || (plain && axis == 3);
    if (height == width) throw Unsupported{"it pads other dimensions than height and width"};
    if (before < 0 || after < 0) throw Unsupported{"it cuts the image's border off"};
    (height ? w.pad_top : w.pad_left) = before;
    (height ? w.pad_bottom : w.pad_right) = after;
    out.dims[axis] = whole(height ? Axis::height : Axis::width, extent_of(dim) + before + after);
  }
  const std::string mode = node.text("mode", "constant");
  if (!any) return graph.set(node, view);
  const std::string name = readable_name(node.proto());
  const bool constant = mode == "constant";
  const bool zero = constant && value == 0;
  DraftOp pad{.op = op,
              .inputs = {view.id},
              .name = name,
              .mark = Mark::pad,
              .nonnegative = graph.draft().op(view.id).nonnegative && value >= 0,
              .values = Padding{static_cast<float>(value)}};
  // Only a pool may still make use of padding by other values.
  if (!zero) {
    pad.gap = graph.add_gap(node, constant ? fmt::format("it pads with {}, a network with 0", value)
                                           : fmt::format("it pads in mode {}, a network with 0", mode));
    if (!constant) pad.values = Padding{std::nanf("")};
  }
  out.id = graph.draft().add(std::move(pad));
  graph.set(node, std::move(out));
}

}  // namespace assay::onnx_import
