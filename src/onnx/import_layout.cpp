// Operators for the layouts that other operators ask for.
#include "assay/base/error.hpp"

#include "import_graph.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

bool only_channels(const Dim& dim) {
  return std::ranges::all_of(dim, [](const Piece& piece) { return piece.axis == Axis::channel; });
}

// Two pieces of one axis in the wrong order, as channel shuffles leave them. 0: none.
std::int64_t shuffle_groups(const Dim& dim) {
  if (dim.size() != 2 || dim[0].stride != 1 || dim[1].stride != dim[0].extent) return 0;
  return dim[1].extent;
}

}  // namespace

OpId Graph::shuffled(OpId id, const Dim& channels, const Node& node) {
  if (channels == whole(Axis::channel, draft_.shape(id).channels)) return id;
  const std::int64_t groups = shuffle_groups(channels);
  if (groups == 0 || extent_of(channels) != draft_.shape(id).channels)
    throw Unsupported{"its input's channels are in an order that no channel shuffle brings about"};
  return draft_.add({.kind = OpKind::channel_shuffle, .groups = static_cast<std::int32_t>(groups)}, {id},
                    readable_name(node.proto()) + ".shuffle");
}

OpId Graph::flattened(const View& view, const Node& node) {
  const Shape shape = draft_.shape(view.id);
  // As pieces of the flattened tensor.
  View flat{view.id, {all_pieces(view)}};
  for (Piece& piece : flat.dims[0]) {
    if (piece.axis == Axis::channel) piece.stride *= std::int64_t{shape.height} * shape.width;
    if (piece.axis == Axis::height) piece.stride *= shape.width;
    piece.axis = Axis::channel;
  }
  const Dim channels = all_pieces(flat);
  if (extent_of(channels) != shape.elements()) throw Unsupported{"its input is a part of a tensor"};
  OpId id = view.id;
  if (shape.height != 1 || shape.width != 1) {
    if (channels != whole(Axis::channel, shape.elements()) && shuffle_groups(channels) == 0)
      throw Unsupported{"its input flattens an image in an order that a network does not have"};
    id = draft_.add({.kind = OpKind::flatten}, {id}, readable_name(node.proto()) + ".flatten");
  }
  return shuffled(id, channels, node);
}

OpId Graph::image(const Node& node, int input) {
  const View& v = view(node, input);
  if (v.rank() != 4) {
    throw Unsupported{
        fmt::format("its input has {} dimensions ({}); images have 4", v.rank(), text_of(extents_of(v)))};
  }
  const Shape shape = draft_.shape(v.id);
  OpId id = v.id;
  if (v.dims[0] != whole(Axis::batch, batch_)) throw Unsupported{"its input mixes images of the batch"};
  if (v.dims[2] == whole(Axis::height, shape.height) && v.dims[3] == whole(Axis::width, shape.width) &&
      only_channels(v.dims[1])) {
    id = shuffled(v.id, v.dims[1], node);
  } else if (v.dims[2].empty() && v.dims[3].empty()) {
    id = flattened(v, node);
  } else if (const auto pixels = pixels_of_channels(v, node)) {
    id = *pixels;
  } else if (const auto channels = channels_of_pixels(v, node)) {
    id = *channels;
  } else {
    throw Unsupported{"the dimensions of its input are not channels, height and width in this order"};
  }
  if (id != v.id) values_[node.input(input)].view = image_view(id, batch_, draft_.shape(id));
  return id;
}

OpId Graph::features(const Node& node, int input) {
  const View& v = view(node, input);
  const bool two = v.rank() == 2 && v.dims[0] == whole(Axis::batch, batch_);
  if (!two) {
    throw Unsupported{
        fmt::format("its input has {} dimensions ({}) where one of the batch and one of features "
                    "are needed",
                    v.rank(), text_of(extents_of(v)))};
  }
  const OpId id = flattened(v, node);
  if (id != v.id) values_[node.input(input)].view = feature_view(id, batch_, draft_.shape(id));
  return id;
}

const View& Graph::settled(const Node& node, int input) {
  const View& v = view(node, input);
  const Shape shape = draft_.shape(v.id);
  const bool plain = std::ranges::all_of(v.dims, [&](const Dim& dim) {
    return dim.empty() || dim == whole(Axis::batch, batch_) || dim == whole(Axis::channel, shape.channels) ||
           dim == whole(Axis::height, shape.height) || dim == whole(Axis::width, shape.width);
  });
  if (plain) return v;
  try {
    if (v.rank() == 4) {
      image(node, input);
    } else if (v.rank() == 2) {
      features(node, input);
    }
  } catch (const Unsupported&) {
    // It stays as it is: many operators do not mind.
  }
  return view(node, input);
}

}  // namespace assay::onnx_import
