#include "frozen_activations.hpp"

#include "assay/network/builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace assay {
namespace {

// Four pieces y = a + b x + c x^2, piece k between bound[k - 1] and bound[k].
//
// The slope follows from the output, which is all that backward has: +-sqrt(b^2 + 4 c (y - a)).
struct Pieces {
  float bound[3];
  float a[4], b[4], c[4];
  float sign[4] = {1, 1, 1, 1};  // of the slope, where c is not 0

  bool straight() const {
    return std::ranges::all_of(c, [](float each) { return each == 0; });
  }
  std::uint8_t of(float x) const {
    return static_cast<std::uint8_t>((x > bound[0]) + (x > bound[1]) + (x > bound[2]));
  }
};

// Selections become vector instructions, table look-ups do not.
inline float pick(const float (&values)[4], std::uint8_t piece) {
  return piece == 0 ? values[0] : piece == 1 ? values[1] : piece == 2 ? values[2] : values[3];
}

std::optional<Pieces> pieces_of(const Operator& op) {
  if (op.kind != OpKind::activation) return std::nullopt;
  constexpr float never = std::numeric_limits<float>::infinity();
  switch (op.activation) {
    case Activation::relu:
      return Pieces{{0, never, never}, {}, {0, 1, 1, 1}, {}};
    case Activation::leaky_relu:
      return Pieces{{0, never, never}, {}, {op.parameter, 1, 1, 1}, {}};
    case Activation::relu6:
      return Pieces{{0, 6, never}, {0, 0, 6, 6}, {0, 1, 0, 0}, {}};
    case Activation::h_sigmoid:
      return Pieces{{-3, 3, never}, {0, 0.5f, 1, 1}, {0, 1.0f / 6, 0, 0}, {}};
    case Activation::h_swish:
      return Pieces{{-3, -1.5f, 3}, {}, {0, 0.5f, 0.5f, 1}, {0, 1.0f / 6, 1.0f / 6, 0}, {1, -1, 1, 1}};
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

// Calls f(first, count) for all runs of neighbouring floats of real channels: the padding must stay 0.
template <class F>
void for_each_run(const TensorView& tensor, F&& f) {
  for (int image = 0; image < tensor.batch; ++image)
    for (int channel = 0; channel < tensor.channels; channel += tensor.block) {
      const int lanes = std::min(tensor.block, tensor.channels - channel);
      const std::int64_t at = tensor.offset(image, channel, 0, 0);
      if (lanes == tensor.pixel_stride) {
        f(at, tensor.pixels() * lanes);
        continue;
      }
      for (int pixel = 0; pixel < tensor.pixels(); ++pixel) f(at + pixel * tensor.pixel_stride, lanes);
    }
}

}  // namespace

FrozenActivations::FrozenActivations(const Network& network)
    : network_(network), ops_(piecewise(network)), opened_(with_identities(network, ops_)) {}

void FrozenActivations::see_output(OpId op, TensorView& output) {
  const auto pieces = pieces_of(network_.op(op));
  if (!pieces) return;
  outputs_[op] = output.data;
  std::vector<std::uint8_t>& decided = pieces_[op];
  const bool decide = decided.empty();
  if (decide) decided.resize(static_cast<std::size_t>(output.stored()));
  for_each_run(output, [&, p = *pieces](std::int64_t first, int count) {
    std::uint8_t* __restrict piece = decided.data() + first;
    float* __restrict x = output.data + first;
    if (decide)
      for (int i = 0; i < count; ++i) piece[i] = p.of(x[i]);
    for (int i = 0; i < count; ++i)
      x[i] = pick(p.a, piece[i]) + (pick(p.b, piece[i]) + pick(p.c, piece[i]) * x[i]) * x[i];
  });
}

void FrozenActivations::see_gradient(OpId op, TensorView& gradient) const {
  const auto pieces = pieces_of(network_.op(op));
  if (!pieces) return;
  const bool straight = pieces->straight();
  for_each_run(gradient, [&, p = *pieces](std::int64_t first, int count) {
    const std::uint8_t* __restrict piece = pieces_.at(op).data() + first;
    const float* __restrict y = outputs_.at(op) + first;
    float* __restrict g = gradient.data + first;
    if (straight) {
      for (int i = 0; i < count; ++i) g[i] *= pick(p.b, piece[i]);
      return;
    }
    for (int i = 0; i < count; ++i) {
      const float a = pick(p.a, piece[i]), b = pick(p.b, piece[i]), c = pick(p.c, piece[i]);
      g[i] *= c == 0 ? b : pick(p.sign, piece[i]) * std::sqrt(std::max(b * b + 4 * c * (y[i] - a), 0.0f));
    }
  });
}

}  // namespace assay
