// Elementwise operators, and the larger ones that they complete.
#include "import_draft.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace assay::onnx_import {
namespace {

// Exporters round 1/6 and 1/sqrt(2) to float.
bool nearly(double a, double b) {
  return std::abs(a - b) <= 1e-5 * std::abs(b);
}

void make_uniform_if_it_is(Affine& f) {
  const auto same = [](const std::vector<float>& values) {
    return std::ranges::all_of(values, [&](float value) { return value == values[0]; });
  };
  if (!same(f.scale) || !same(f.shift)) return;
  f.scale.resize(1);
  f.shift.resize(1);
}

}  // namespace

Shape broadcast_shape(Shape a, Shape b) {
  return {std::max(a.channels, b.channels), std::max(a.height, b.height), std::max(a.width, b.width)};
}

bool Draft::is_activation(OpId id, Activation function) const {
  const DraftOp& o = op(id);
  return o.mark == Mark::none && o.op.kind == OpKind::activation && o.op.activation == function;
}

const Affine* Draft::uniform_affine(OpId id) const {
  if (op(id).mark != Mark::affine) return nullptr;
  const Affine& f = std::get<Affine>(op(id).values);
  return f.uniform() ? &f : nullptr;
}

OpId Draft::affine(OpId x, Affine f, const std::string& name) {
  make_uniform_if_it_is(f);
  // Two constants for all channels are one; constants per channel are left to be folded into weights.
  if (const Affine* inner = uniform_affine(x); inner != nullptr && f.uniform()) {
    f.shift[0] += f.scale[0] * inner->shift[0];
    f.scale[0] *= inner->scale[0];
    x = op(x).inputs[0];
  }
  if (f.uniform() && nearly(f.scale[0], 1) && f.shift[0] == 0) return x;
  const int channels = shape(x).channels;
  const bool nonnegative = op(x).nonnegative &&
                           std::ranges::none_of(f.scale, [](float value) { return value < 0; }) &&
                           std::ranges::none_of(f.shift, [](float value) { return value < 0; });
  return add({.op = {.kind = OpKind::convolution, .bias = true, .channels = channels, .groups = channels},
              .inputs = {x},
              .name = name,
              .mark = Mark::affine,
              .nonnegative = nonnegative,
              .values = std::move(f)});
}

OpId Draft::activation(OpId x, Activation function, const std::string& name, float parameter) {
  return add({.kind = OpKind::activation, .activation = function, .parameter = parameter}, {x}, name);
}

OpId Draft::clip(OpId x, double low, double high, const std::string& name) {
  constexpr double infinite = std::numeric_limits<float>::max();
  const bool open_below = low <= -infinite, open_above = high >= infinite;
  if (open_below && open_above) return x;
  if (open_above) return affine(activation(affine(x, 1, -low, name), Activation::relu, name), 1, low, name);
  // min(relu(x), 6)
  if (open_below && is_activation(x, Activation::relu) && high > 0)
    return clip(op(x).inputs[0], 0, high, name);
  if (open_below)
    return affine(activation(affine(x, -1, high, name), Activation::relu, name), -1, high, name);
  // low + (high - low) h_sigmoid(z), because h_sigmoid clips z / 6 + 1/2 to 0 .. 1.
  const double range = high - low;
  const Affine* inner = uniform_affine(x);
  const OpId base = inner == nullptr ? x : op(x).inputs[0];
  const double scale = (inner == nullptr ? 1 : inner->scale[0]) * 6 / range;
  const double shift = ((inner == nullptr ? 0 : inner->shift[0]) - low) * 6 / range - 3;
  const bool is_h_sigmoid = nearly(scale, 1) && std::abs(shift) < 1e-5;
  if (low == 0 && high == 6 && !is_h_sigmoid) return activation(x, Activation::relu6, name);
  const OpId z = is_h_sigmoid ? base : affine(base, scale, shift, name);
  return affine(activation(z, Activation::h_sigmoid, name), range, low, name);
}

OpId Draft::sum(std::vector<OpId> inputs, const std::string& name) {
  if (inputs.size() == 1) return inputs[0];
  if (inputs.size() == 2 && inputs[0] == inputs[1]) return affine(inputs[0], 2, 0, name);
  Shape to = shape(inputs[0]);
  for (const OpId input : inputs) to = broadcast_shape(to, shape(input));
  for (OpId& input : inputs) input = broadcast(input, to, name);
  return add({.op = {.kind = OpKind::add}, .inputs = std::move(inputs), .name = name, .values = {}});
}

std::optional<std::pair<Activation, float>> Draft::gated(OpId x, OpId gate) const {
  const DraftOp& g = op(gate);
  if (g.inputs.empty()) return std::nullopt;
  if (is_activation(gate, Activation::sigmoid) && g.inputs[0] == x) return {{Activation::silu, 1.f}};
  if (is_activation(gate, Activation::h_sigmoid) && g.inputs[0] == x) return {{Activation::h_swish, 1.f}};
  // x (1 + erf(x / sqrt 2)) is twice GELU, and x may have a factor that 1 / sqrt 2 was multiplied with.
  const Affine* outer = uniform_affine(gate);
  if (outer == nullptr || outer->scale[0] != outer->shift[0] || op(g.inputs[0]).mark != Mark::erf)
    return std::nullopt;
  const OpId argument = op(g.inputs[0]).inputs[0];
  const Affine* inner = uniform_affine(argument);
  if (inner == nullptr || inner->shift[0] != 0) return std::nullopt;
  float factor = inner->scale[0];
  OpId base = op(argument).inputs[0];
  if (const Affine* own = uniform_affine(x);
      own != nullptr && own->shift[0] == 0 && base == op(x).inputs[0]) {
    factor /= own->scale[0];
    base = x;
  }
  if (base != x || !nearly(factor, 1 / std::numbers::sqrt2)) return std::nullopt;
  return {{Activation::gelu, 2 * outer->scale[0]}};
}

// A factor behind an operator with weights is folded into them.
bool Draft::takes_scale(OpId id) const {
  return op(id).op.has_parameters();
}

OpId Draft::product(OpId a, OpId b, const std::string& name) {
  // A factor of an operand may stand between the parts of an activation: it is taken out in front.
  const auto factor_of = [&](OpId id) {
    const Affine* f = uniform_affine(id);
    return f != nullptr && f->shift[0] == 0 ? f->scale[0] : 0;
  };
  const auto without_factor = [&](OpId id) { return factor_of(id) != 0 ? op(id).inputs[0] : id; };
  for (const bool swapped : {false, true}) {
    const OpId x = swapped ? b : a, g = swapped ? a : b;
    for (const OpId inner_x : {x, without_factor(x)}) {
      for (const OpId inner_g : {g, without_factor(g)}) {
        const auto found = gated(inner_x, inner_g);
        if (!found) continue;
        const float factor =
            found->second * (inner_x != x ? factor_of(x) : 1) * (inner_g != g ? factor_of(g) : 1);
        return affine(activation(inner_x, found->first, name), factor, 0, name);
      }
    }
  }
  float factor = 1;
  for (OpId* operand : {&a, &b}) {
    if (factor_of(*operand) == 0 || takes_scale(without_factor(*operand))) continue;
    factor *= factor_of(*operand);
    *operand = without_factor(*operand);
  }
  const Shape to = broadcast_shape(shape(a), shape(b));
  for (OpId* operand : {&a, &b}) {
    // One value per channel is multiplied as it is.
    const OpId other = operand == &a ? b : a;
    const Shape gate = {to.channels, 1, 1};
    const Shape own = shape(*operand);
    const bool is_gate = own.height == 1 && own.width == 1 && shape(other) == to;
    *operand = broadcast(*operand, is_gate ? gate : to, name);
  }
  return affine(add({.kind = OpKind::multiply}, {a, b}, name), factor, 0, name);
}

std::optional<OpId> Draft::difference_of_mean(OpId x, OpId mean, const std::string& name, int gap) {
  if (op(mean).mark != Mark::channel_mean || op(mean).inputs[0] != x) return std::nullopt;
  return stand_in(x, Mark::centred, name, gap);
}

// (x - mean) / sqrt(mean((x - mean)^2) + epsilon)
std::optional<OpId> Draft::quotient(OpId x, OpId divisor, const std::string& name) {
  if (op(x).mark != Mark::centred || op(divisor).mark != Mark::square_root) return std::nullopt;
  const OpId sum = op(divisor).inputs[0];
  const Affine* added = uniform_affine(sum);
  if (added == nullptr || added->scale[0] != 1 || added->shift[0] <= 0) return std::nullopt;
  const DraftOp& variance = op(op(sum).inputs[0]);
  if (variance.mark != Mark::channel_mean) return std::nullopt;
  const DraftOp& square = op(variance.inputs[0]);
  if (square.op.kind != OpKind::multiply || square.inputs[0] != x || square.inputs[1] != x)
    return std::nullopt;
  return add({.op = {.kind = OpKind::layer_norm, .parameter = added->shift[0]},
              .inputs = {op(x).inputs[0]},
              .name = name,
              .values = Norm{}});
}

}  // namespace assay::onnx_import
