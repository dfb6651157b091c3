// Channels that become pixels and pixels that become channels. What DepthToSpace, PixelShuffle and reshapes
// move between the axes, a convolution with one weight per channel moves as well.
#include "import_handlers.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// A dimension as one axis's piece followed by another's; empty where a part is missing.
struct Mixed {
  Dim axis, other;
  bool ok = true;
};

Mixed apart(const Dim& dim, Axis axis) {
  Mixed mixed;
  for (const Piece& piece : dim) {
    if (piece.axis == axis && mixed.other.empty()) {
      mixed.axis.push_back(piece);
    } else if (piece.axis == Axis::channel) {
      mixed.other.push_back(piece);
    } else {
      mixed.ok = false;
    }
  }
  return mixed;
}

Dim joined(const Dim& a, const Dim& b, const Dim& c) {
  return all_pieces({0, {a, b, c}});
}

Operator moving(OpKind kind, std::int64_t channels, std::int64_t groups, std::int64_t rows,
                std::int64_t columns) {
  return {.kind = kind,
          .channels = static_cast<std::int32_t>(channels),
          .groups = static_cast<std::int32_t>(groups),
          .window = {.kernel_h = static_cast<std::int32_t>(rows),
                     .kernel_w = static_cast<std::int32_t>(columns),
                     .stride_h = static_cast<std::int32_t>(rows),
                     .stride_w = static_cast<std::int32_t>(columns)}};
}

}  // namespace

// Pieces of the channels inside of height and width: {c rows columns, h, w} -> {c, h rows, w columns}.
std::optional<OpId> Graph::pixels_of_channels(const View& view, const Node& node) {
  const Shape shape = draft_.shape(view.id);
  const Mixed rows = apart(view.dims[2], Axis::height), columns = apart(view.dims[3], Axis::width);
  const bool channels_only =
      std::ranges::all_of(view.dims[1], [](const Piece& piece) { return piece.axis == Axis::channel; });
  if (!rows.ok || !columns.ok || !channels_only || rows.axis != whole(Axis::height, shape.height) ||
      columns.axis != whole(Axis::width, shape.width))
    return std::nullopt;
  const OpId ordered = shuffled(view.id, joined(view.dims[1], rows.other, columns.other), node);
  const std::int64_t channels = extent_of(view.dims[1]);
  return draft_.add({.op = moving(OpKind::transposed_convolution, channels, channels, extent_of(rows.other),
                                  extent_of(columns.other)),
                     .inputs = {ordered},
                     .name = readable_name(node.proto()) + ".pixels",
                     .values = Matrix{.weight = {}, .tap = Matrix::tap_of_channel}});
}

// Pieces of height and width among the channels: {c, h rows, w columns} -> {c rows columns, h, w}.
std::optional<OpId> Graph::channels_of_pixels(const View& view, const Node& node) {
  const Shape shape = draft_.shape(view.id);
  std::int64_t rows = 1, columns = 1;
  for (const Piece& piece : view.dims[1]) {
    if (piece.axis == Axis::channel) continue;
    if (piece.stride != 1) return std::nullopt;
    (piece.axis == Axis::height ? rows : columns) = piece.extent;
  }
  const auto outer = [](Axis axis, std::int64_t extent, std::int64_t part) {
    return extent == part ? Dim{} : Dim{{axis, extent / part, part}};
  };
  if (shape.height % rows != 0 || shape.width % columns != 0 ||
      view.dims[2] != outer(Axis::height, shape.height, rows) ||
      view.dims[3] != outer(Axis::width, shape.width, columns))
    return std::nullopt;
  const OpId id = draft_.add(
      {.op = moving(OpKind::convolution, shape.channels * rows * columns, shape.channels, rows, columns),
       .inputs = {view.id},
       .name = readable_name(node.proto()) + ".channels",
       .values = Matrix{.weight = {}, .tap = Matrix::tap_of_channel}});
  // The convolution's channels are (channel, row, column).
  Dim channels = view.dims[1];
  for (Piece& piece : channels) {
    if (piece.axis == Axis::channel) piece.stride *= rows * columns;
    if (piece.axis == Axis::height) piece.stride = columns;
    piece.axis = Axis::channel;
  }
  return shuffled(id, joined(channels, {}, {}), node);
}

namespace {

View rearranged(const Node& node, const View& view, const Dims& apart, const std::vector<int>& order,
                const Dims& together) {
  if (const auto pieces = reshaped(view, apart)) {
    if (auto result = reshaped(transposed(*pieces, order), together)) return *std::move(result);
  }
  throw Unsupported{fmt::format("{} cannot be cut into blocks", node.type())};
}

}  // namespace

void read_depth_to_space(Graph& graph, const Node& node) {
  const View& view = graph.view(node, 0);
  const Dims dims = extents_of(view);
  const std::int64_t block = checked_extent(node, node.integer("blocksize", 0), "blocksize");
  if (dims.size() != 4 || block < 1) node.fail("its input is no image, or its blocksize below 1");
  const bool to_space = node.type() == "DepthToSpace";
  if (to_space ? dims[1] % (block * block) != 0 : dims[2] % block != 0 || dims[3] % block != 0)
    node.fail(fmt::format("its input of {} does not consist of blocks of {}", text_of(dims), block));
  if (!to_space) {
    const std::int64_t h = dims[2] / block, w = dims[3] / block;
    return graph.set(node, rearranged(node, view, {dims[0], dims[1], h, block, w, block}, {0, 3, 5, 1, 2, 4},
                                      {dims[0], dims[1] * block * block, h, w}));
  }
  const std::int64_t channels = dims[1] / (block * block);
  const Dims result = {dims[0], channels, dims[2] * block, dims[3] * block};
  const std::string mode = node.text("mode", "DCR");
  if (mode == "CRD") {
    return graph.set(node, rearranged(node, view, {dims[0], channels, block, block, dims[2], dims[3]},
                                      {0, 1, 4, 2, 5, 3}, result));
  }
  if (mode != "DCR") node.fail(fmt::format("its mode {} is unknown", mode));
  graph.set(node, rearranged(node, view, {dims[0], block, block, channels, dims[2], dims[3]},
                             {0, 3, 4, 1, 5, 2}, result));
}

}  // namespace assay::onnx_import
