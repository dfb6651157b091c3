#include "frozen_activations.hpp"

#include "assay/network/builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace assay {
namespace {

// y = a + b x + c x^2, whose slope is b + 2 c x, or from the output: +-sqrt(b^2 + 4 c (y - a)).
struct Piece {
  float a, b, c;

  float value(float x) const { return a + (b + c * x) * x; }
  // `sign` of the slope.
  float slope(float y, float sign) const {
    return c == 0 ? b : sign * std::sqrt(std::max(b * b + 4 * c * (y - a), 0.0f));
  }
};

// Piece k lies between bound[k - 1] and bound[k].
struct Pieces {
  float bound[3];
  Piece piece[4];
  float sign[4] = {1, 1, 1, 1};

  std::uint8_t of(float x) const {
    return static_cast<std::uint8_t>((x > bound[0]) + (x > bound[1]) + (x > bound[2]));
  }
};

std::optional<Pieces> pieces_of(const Operator& op) {
  if (op.kind != OpKind::activation) return std::nullopt;
  constexpr float never = std::numeric_limits<float>::infinity();
  constexpr Piece zero = {0, 0, 0}, identity = {0, 1, 0}, parabola = {0, 0.5f, 1.0f / 6};
  switch (op.activation) {
    case Activation::relu:
      return Pieces{{0, never, never}, {zero, identity, identity, identity}};
    case Activation::leaky_relu:
      return Pieces{{0, never, never}, {{0, op.parameter, 0}, identity, identity, identity}};
    case Activation::relu6:
      return Pieces{{0, 6, never}, {zero, identity, {6, 0, 0}, {6, 0, 0}}};
    case Activation::h_sigmoid:
      return Pieces{{-3, 3, never}, {zero, {0.5f, 1.0f / 6, 0}, {1, 0, 0}, {1, 0, 0}}};
    case Activation::h_swish:
      return Pieces{{-3, -1.5f, 3}, {zero, parabola, parabola, identity}, {1, -1, 1, 1}};
    default:
      return std::nullopt;
  }
}

Network with_identities(const Network& network, const std::vector<OpId>& ops) {
  NetworkBuilder builder(network.input_shape(), network.title());
  for (OpId id = 1; id < network.size(); ++id) {
    Operator op = network.op(id);
    if (std::ranges::binary_search(ops, id)) {
      op.activation = Activation::leaky_relu;
      op.parameter = 1;
    }
    builder.add(op, network.inputs(id), network.name(id));
  }
  return std::move(builder).finish(network.output());
}

std::vector<OpId> piecewise(const Network& network) {
  std::vector<OpId> ops;
  for (OpId id = 1; id < network.size(); ++id)
    if (pieces_of(network.op(id))) ops.push_back(id);
  return ops;
}

// Calls f(float& value, std::size_t index) for all stored floats of real channels: the padding must stay 0.
template <class F>
void for_each_value(TensorView& tensor, F&& f) {
  for (int image = 0; image < tensor.batch; ++image)
    for (int channel = 0; channel < tensor.channels; channel += tensor.block) {
      const int lanes = std::min(tensor.block, tensor.channels - channel);
      std::int64_t at = tensor.offset(image, channel, 0, 0);
      for (int pixel = 0; pixel < tensor.pixels(); ++pixel, at += tensor.pixel_stride)
        for (int lane = 0; lane < lanes; ++lane)
          f(tensor.data[at + lane], static_cast<std::size_t>(at + lane));
    }
}

}  // namespace

FrozenActivations::FrozenActivations(const Network& network)
    : network_(network), ops_(piecewise(network)), opened_(with_identities(network, ops_)) {}

void FrozenActivations::see_output(OpId op, TensorView& output) {
  const auto pieces = pieces_of(network_.op(op));
  if (!pieces) return;
  std::vector<std::uint8_t>& piece = pieces_[op];
  if (piece.empty()) {
    piece.resize(static_cast<std::size_t>(output.stored()));
    for_each_value(output, [&](float x, std::size_t i) { piece[i] = pieces->of(x); });
  }
  for_each_value(output, [&](float& x, std::size_t i) { x = pieces->piece[piece[i]].value(x); });
  outputs_[op] = output.data;
}

void FrozenActivations::see_gradient(OpId op, TensorView& gradient) const {
  const auto pieces = pieces_of(network_.op(op));
  if (!pieces) return;
  const std::vector<std::uint8_t>& piece = pieces_.at(op);
  const float* output = outputs_.at(op);
  for_each_value(gradient, [&](float& g, std::size_t i) {
    g *= pieces->piece[piece[i]].slope(output[i], pieces->sign[piece[i]]);
  });
}

}  // namespace assay
