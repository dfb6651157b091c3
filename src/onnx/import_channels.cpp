// Parts of tensors along their channels, and tensors put together.
#include "import_handlers.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// Channels [begin, begin + count) of the view's tensor, as a view of the same rank.
View part_of(Graph& graph, const Node& node, const View& view, int axis, std::int64_t begin,
             std::int64_t count, const std::string& name) {
  const Shape shape = graph.shape(view);
  const auto at = static_cast<std::size_t>(axis);
  if (begin == 0 && count == extent_of(view.dims[at])) return view;
  if (count < 1) throw Unsupported{"a part of it has no elements"};
  if (channel_dim(view, shape, axis) != axis)
    throw Unsupported{"it takes parts of an image, not of its channels"};
  View out = view;
  out.id = graph.draft().add({.kind = OpKind::slice,
                              .channels = checked_extent(node, count, "channel count"),
                              .slice_begin = checked_extent(node, begin, "first channel")},
                             {view.id}, name);
  out.dims[at] = whole(Axis::channel, count);
  return out;
}

// Every step-th pixel of an image from `begin` on is a convolution that looks at one of its taps only.
View strided_pixels(Graph& graph, const Node& node, const View& view, const std::vector<Range>& ranges) {
  const Shape shape = graph.shape(view);
  Operator op{.kind = OpKind::convolution, .channels = shape.channels, .groups = shape.channels};
  View out = view;
  std::int64_t taps[2] = {0, 0}, kernel[2] = {1, 1}, step[2] = {1, 1},
               extents[2] = {shape.height, shape.width};
  const Dim axes[2] = {whole(Axis::height, shape.height), whole(Axis::width, shape.width)};
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    const std::int64_t extent = extent_of(view.dims[i]);
    if (range.begin == 0 && range.count == extent && range.step == 1) continue;
    const int axis = view.dims[i] == axes[0] ? 0 : view.dims[i] == axes[1] ? 1 : -1;
    constexpr std::int64_t most = 16;
    if (axis < 0 || range.step < 1 || range.begin >= most || range.step >= most || range.count < 1)
      throw Unsupported{"it cuts a part out of the image"};
    // The smallest kernel that reaches the first pixel and leaves `count` steps.
    const std::int64_t spare = extent - (range.count - 1) * range.step;
    kernel[axis] = std::max(range.begin + 1, spare - range.step + 1);
    if (kernel[axis] > most) throw Unsupported{"it cuts a part out of the image"};
    taps[axis] = range.begin;
    step[axis] = range.step;
    extents[axis] = range.count;
    out.dims[i] = whole(axis == 0 ? Axis::height : Axis::width, range.count);
  }
  op.window.kernel_h = static_cast<std::int32_t>(kernel[0]);
  op.window.kernel_w = static_cast<std::int32_t>(kernel[1]);
  op.window.stride_h = static_cast<std::int32_t>(step[0]);
  op.window.stride_w = static_cast<std::int32_t>(step[1]);
  out.id = graph.draft().add(
      {.op = op,
       .inputs = {view.id},
       .name = readable_name(node.proto()),
       .nonnegative = graph.draft().op(view.id).nonnegative,
       .values = Matrix{.weight = {}, .tap = static_cast<int>(taps[0] * kernel[1] + taps[1])}});
  if (graph.draft().shape(out.id) !=
      Shape{shape.channels, static_cast<std::int32_t>(extents[0]), static_cast<std::int32_t>(extents[1])})
    throw Unsupported{"it cuts a part out of the image"};
  return out;
}

}  // namespace

void read_concat(Graph& graph, const Node& node) {
  std::vector<View> parts;
  for (int i = 0; i < node.inputs(); ++i) {
    if (graph.is_constant(node, i)) {
      if (graph.constant(node, i)->count() == 0) continue;
      throw Unsupported{"it puts constants beside tensors"};
    }
    parts.push_back(graph.settled(node, i));
  }
  if (parts.empty()) node.fail("it puts nothing together");
  const View& first = parts.front();
  const int axis = axis_of(node, node.integer("axis", 1), first.rank());
  const auto at = static_cast<std::size_t>(axis);
  std::vector<OpId> inputs;
  for (const View& part : parts) {
    if (part.rank() != first.rank()) node.fail("its inputs have different numbers of dimensions");
    if (channel_dim(part, graph.shape(part), axis) != axis)
      throw Unsupported{"it puts tensors together along another dimension than the channels"};
    View others = part;
    others.dims[at] = first.dims[at];
    if (others.dims != first.dims) {
      throw Unsupported{fmt::format("its inputs of {} and {} are laid out differently",
                                    text_of(extents_of(first)), text_of(extents_of(part)))};
    }
    inputs.push_back(part.id);
  }
  View out = first;
  if (inputs.size() > 1) {
    out.id = graph.draft().add({.op = {.kind = OpKind::concat},
                                .inputs = inputs,
                                .name = readable_name(node.proto()),
                                .values = {}});
    out.dims[at] = whole(Axis::channel, graph.draft().shape(out.id).channels);
  }
  graph.set(node, std::move(out));
}

void read_split(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  const int axis = axis_of(node, node.integer("axis", 0), view.rank());
  const std::int64_t extent = extent_of(view.dims[static_cast<std::size_t>(axis)]);
  Dims sizes = node.integers("split");
  if (const auto input = graph.integers(node, 1)) sizes = *input;
  if (sizes.empty()) {
    const std::int64_t parts = node.integer("num_outputs", node.outputs());
    if (parts < 1 || parts > extent) node.fail(fmt::format("it makes {} parts of {}", parts, extent));
    const std::int64_t size = (extent + parts - 1) / parts;
    sizes.assign(static_cast<std::size_t>(parts), size);
    sizes.back() = extent - (parts - 1) * size;
  }
  if (static_cast<int>(sizes.size()) < node.outputs()) node.fail("it has more outputs than parts");
  std::int64_t begin = 0;
  const std::string name = readable_name(node.proto());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > extent - begin) node.fail("its parts are larger than its input");
    if (node.has_output(static_cast<int>(i))) {
      graph.set(node, part_of(graph, node, view, axis, begin, sizes[i], fmt::format("{}.{}", name, i)),
                static_cast<int>(i));
    }
    begin += sizes[i];
  }
}

void read_slice(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  FoldInputs inputs(1);
  for (int i = 1; i < node.inputs(); ++i) {
    inputs.push_back(node.has_input(i) ? graph.constant(node, i) : nullptr);
    if (inputs.back()) graph.charge(inputs.back()->count());
  }
  const Dims extents = extents_of(view);
  std::vector<Range> ranges = slice_ranges(node, extents, inputs);
  const int channels = channel_dim(view, graph.shape(view), -1);
  View out = view;
  for (int axis = 0; axis < view.rank(); ++axis) {
    Range& range = ranges[static_cast<std::size_t>(axis)];
    const bool channel_part = axis == channels && (range.step == 1 || range.count == 1) && range.count >= 1;
    if (!channel_part) continue;
    out = part_of(graph, node, out, axis, range.begin, range.count, readable_name(node.proto()));
    range = {0, range.count, 1};
  }
  const bool all = std::ranges::equal(ranges, extents_of(out), [](const Range& range, std::int64_t extent) {
    return range.begin == 0 && range.count == extent && range.step == 1;
  });
  graph.set(node, all ? out : strided_pixels(graph, node, out, ranges));
}

void read_gather(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  const int axis = axis_of(node, node.integer("axis", 0), view.rank());
  const auto at = static_cast<std::size_t>(axis);
  const std::int64_t extent = extent_of(view.dims[at]);
  const bool scalar = graph.constant(node, 1)->dims().empty();
  std::vector<std::int64_t> indices = graph.integers(node, 1).value_or(Dims{});
  for (std::int64_t& index : indices) {
    if (index < 0) index += extent;
    if (index < 0 || index >= extent) node.fail("an index lies outside of its input");
  }
  if (graph.constant(node, 1)->dims().size() > 1 || indices.empty())
    throw Unsupported{"it gathers along several dimensions"};
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] != indices[0] + static_cast<std::int64_t>(i))
      throw Unsupported{"it reorders the channels"};
  }
  View out = part_of(graph, node, view, axis, indices[0], static_cast<std::int64_t>(indices.size()),
                     readable_name(node.proto()));
  if (scalar) out.dims.erase(out.dims.begin() + axis);
  graph.set(node, std::move(out));
}

}  // namespace assay::onnx_import
