// A tensor of the ONNX graph as a rearrangement of an operator's output.
//
// The output of an operator has four axes: batch, channels, height and width. Each dimension of the ONNX
// tensor is an ordered list of pieces of these axes, the last piece counting fastest. Transpose permutes the
// lists, reshape splits and joins them, and no operator is needed for either until one asks for a layout.
//
// Models with a dynamic batch, and those exported with a batch of 1, are read for a batch of 1: then no
// dimension holds a piece of the batch, because every operator keeps images apart anyway.
#pragma once

#include "assay/network/network.hpp"

#include "import_constant.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace assay::onnx_import {

enum class Axis : std::uint8_t { batch, channel, height, width };

struct Piece {
  Axis axis = Axis::channel;
  std::int64_t extent = 1;
  std::int64_t stride = 1;  // along its axis
  friend bool operator==(const Piece&, const Piece&) = default;
};

// Pieces of extent 1 are left out: a dimension of 1 is empty.
using Dim = std::vector<Piece>;

struct View {
  OpId id = 0;
  std::vector<Dim> dims;

  int rank() const { return static_cast<int>(dims.size()); }
};

std::int64_t extent_of(const Dim& dim);
Dims extents_of(const View& view);

// A whole axis of `extent`.
Dim whole(Axis axis, std::int64_t extent);

// {batch, channels, height, width}, and fewer.
View image_view(OpId id, std::int64_t batch, Shape shape);
View feature_view(OpId id, std::int64_t batch, Shape shape);

// nullopt when a dimension would have to take parts of pieces that do not divide.
std::optional<View> reshaped(const View& view, const Dims& target);
View transposed(const View& view, const std::vector<int>& order);

// The dimension that holds the whole channel axis and nothing else; for one channel, `preferred` when that is
// empty. -1: there is none.
int channel_dim(const View& view, Shape shape, int preferred);

// The pieces of all dimensions but the batch's, one behind the other.
Dim all_pieces(const View& view);

}  // namespace assay::onnx_import
