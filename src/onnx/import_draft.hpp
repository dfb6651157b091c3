// The network while it is read: what the ONNX nodes ask for, simplified as it grows.
//
// Exporters write activations and norms as chains of elementary operators. Each call below looks at the
// operators that its inputs come from and makes the larger one where they complete it: multiply(x,
// sigmoid(x)) is SiLU. The smaller operators stay behind unread and are left out at the end.
#pragma once

#include "assay/network/builder.hpp"
#include "assay/network/network.hpp"

#include "import_constant.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace assay::onnx_import {

// What an operator is beyond its kind.
enum class Mark : std::uint8_t {
  none,
  affine,        // a depthwise 1x1 convolution that may be folded into the operator before it
  pad,           // a depthwise 1x1 convolution that only pads; windows that follow take the padding over
  channel_mean,  // a 1x1 convolution to one channel
  // No operators of a network, only parts of larger ones; a shape-preserving stand-in takes their place.
  centred,  // x - channel_mean(x)
  square_root,
  erf,
  gap,  // anything else without counterpart
};

// scale x + shift; both hold one value per channel, or one value.
struct Affine {
  std::vector<float> scale, shift;
  bool uniform() const { return scale.size() == 1; }
};

// Weights of convolutions and linear operators.
struct Matrix {
  // Weight 1 at tap i of the kernel for (output, transposed: input) channel i, modulo the number of taps.
  static constexpr int tap_of_channel = -2;

  ConstantPtr weight;       // none: every weight is `fill`, or only those at `tap` of the kernel
  bool transposed = false;  // linear: {in, out}
  float factor = 1;         // of the weights
  ConstantPtr bias = {};    // one value, or one per output channel
  float bias_factor = 1;
  float fill = 1;
  int tap = -1;
  // Linear: feature j * shuffle + i of the model is feature i * (n / shuffle) + j here.
  int shuffle = 1;
};

// Of batch and layer norms; none: 1, 0, 0, 1.
struct Norm {
  ConstantPtr scale, shift, mean, variance;
};

struct Padding {
  float value = 0;
};

struct DraftOp {
  Operator op;
  std::vector<OpId> inputs;
  std::string name;
  Mark mark = Mark::none;
  bool nonnegative = false;  // whatever the input
  int gap = -1;              // number of the gap that this stands for
  std::variant<std::monostate, Affine, Matrix, Norm, Padding> values;
};

class Draft {
 public:
  explicit Draft(Shape input);

  int size() const { return static_cast<int>(ops_.size()); }
  const DraftOp& op(OpId id) const { return ops_[static_cast<std::size_t>(id)]; }
  Shape shape(OpId id) const { return shapes_.shape(id); }

  // Throws InputError when shapes do not fit.
  OpId add(DraftOp op);
  OpId add(const Operator& op, std::initializer_list<OpId> inputs, const std::string& name) {
    return add({.op = op, .inputs = inputs, .name = name, .values = {}});
  }
  // A shape-preserving stand-in.
  OpId stand_in(OpId x, Mark mark, const std::string& name, int gap);

  // Elementwise operators and what they may complete (import_algebra.cpp).
  OpId affine(OpId x, Affine function, const std::string& name);
  OpId affine(OpId x, double scale, double shift, const std::string& name) {
    return affine(x, {{static_cast<float>(scale)}, {static_cast<float>(shift)}}, name);
  }
  OpId activation(OpId x, Activation function, const std::string& name, float parameter = 0);
  OpId clip(OpId x, double low, double high, const std::string& name);
  // Inputs may have 1 where others have more channels, rows or columns.
  OpId sum(std::vector<OpId> inputs, const std::string& name);
  OpId product(OpId a, OpId b, const std::string& name);
  // nullopt: nothing that a network has.
  std::optional<OpId> difference_of_mean(OpId x, OpId mean, const std::string& name, int gap);
  std::optional<OpId> quotient(OpId x, OpId divisor, const std::string& name);
  OpId channel_mean(OpId x, const std::string& name);
  OpId broadcast(OpId x, Shape shape, const std::string& name);

  // x and the window's padding without the pad operator that x comes from, where that is the same.
  struct Windowed {
    OpId x;
    Window window;
  };
  Windowed without_pad(OpId x, const Window& window, OpKind reader) const;

 private:
  bool is_activation(OpId id, Activation function) const;
  const Affine* uniform_affine(OpId id) const;
  // The activation that x times `gate` is, and a factor.
  std::optional<std::pair<Activation, float>> gated(OpId x, OpId gate) const;
  bool takes_scale(OpId id) const;

  NetworkBuilder shapes_;  // infers and checks them; its operators are not used
  std::vector<DraftOp> ops_;
};

Shape broadcast_shape(Shape a, Shape b);

}  // namespace assay::onnx_import
