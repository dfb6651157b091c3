#include "import_view.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

namespace assay::onnx_import {
namespace {

// Neighbours that together are one stretch of an axis become one piece, so that equal lists mean equal
// tensors.
void append(Dim& dim, Piece piece) {
  if (piece.extent == 1) return;
  if (!dim.empty()) {
    Piece& last = dim.back();
    if (last.axis == piece.axis && last.stride == piece.extent * piece.stride) {
      last.extent *= piece.extent;
      last.stride = piece.stride;
      return;
    }
  }
  dim.push_back(piece);
}

}  // namespace

std::int64_t extent_of(const Dim& dim) {
  std::int64_t extent = 1;
  for (const Piece& piece : dim) extent *= piece.extent;
  return extent;
}

Dims extents_of(const View& view) {
  Dims extents;
  extents.reserve(view.dims.size());
  for (const Dim& dim : view.dims) extents.push_back(extent_of(dim));
  return extents;
}

Dim whole(Axis axis, std::int64_t extent) {
  if (extent == 1) return {};
  return {{axis, extent, 1}};
}

View image_view(OpId id, std::int64_t batch, Shape shape) {
  return {id,
          {whole(Axis::batch, batch), whole(Axis::channel, shape.channels), whole(Axis::height, shape.height),
           whole(Axis::width, shape.width)}};
}

View feature_view(OpId id, std::int64_t batch, Shape shape) {
  return {id, {whole(Axis::batch, batch), whole(Axis::channel, shape.channels)}};
}

std::optional<View> reshaped(const View& view, const Dims& target) {
  std::vector<Piece> pieces;
  for (const Dim& dim : view.dims) pieces.insert(pieces.end(), dim.begin(), dim.end());
  View out{view.id, std::vector<Dim>(target.size())};
  std::size_t next = 0;
  for (std::size_t d = 0; d < target.size(); ++d) {
    for (std::int64_t need = target[d]; need > 1;) {
      if (next == pieces.size()) return std::nullopt;
      Piece& piece = pieces[next];
      if (need % piece.extent == 0) {
        need /= piece.extent;
        append(out.dims[d], piece);
        ++next;
      } else if (piece.extent % need == 0) {
        const std::int64_t rest = piece.extent / need;
        append(out.dims[d], {piece.axis, need, piece.stride * rest});
        piece.extent = rest;
        need = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  if (next != pieces.size()) return std::nullopt;
  return out;
}

View transposed(const View& view, const std::vector<int>& order) {
  View out{view.id, {}};
  out.dims.reserve(order.size());
  for (const int from : order) out.dims.push_back(view.dims[static_cast<std::size_t>(from)]);
  return out;
}

int channel_dim(const View& view, Shape shape, int preferred) {
  const Dim channels = whole(Axis::channel, shape.channels);
  if (preferred >= 0 && preferred < view.rank() && view.dims[static_cast<std::size_t>(preferred)] == channels)
    return preferred;
  if (channels.empty()) return -1;
  const auto found = std::ranges::find(view.dims, channels);
  return found == view.dims.end() ? -1 : static_cast<int>(found - view.dims.begin());
}

Dim all_pieces(const View& view) {
  Dim all;
  for (const Dim& dim : view.dims) {
    for (const Piece& piece : dim) {
      if (piece.axis != Axis::batch) append(all, piece);
    }
  }
  return all;
}

}  // namespace assay::onnx_import
