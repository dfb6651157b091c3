// Values of parameters, in the order of the network.
#include "assay/base/error.hpp"

#include "import_finish.hpp"

#include <algorithm>

namespace assay::onnx_import {
namespace {

// scale y + shift for each output channel, of all folded functions one after the other.
Affine composed(const Draft& draft, const std::vector<OpId>& folded, std::size_t channels) {
  Affine all{std::vector<float>(channels, 1), std::vector<float>(channels, 0)};
  for (const OpId id : folded) {
    const Affine& f = std::get<Affine>(draft.op(id).values);
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t i = f.uniform() ? 0 : c;
      all.scale[c] *= f.scale[i];
      all.shift[c] = all.shift[c] * f.scale[i] + f.shift[i];
    }
  }
  return all;
}

std::vector<float> or_constant(const ConstantPtr& values, std::size_t channels, float usual) {
  return values == nullptr ? std::vector<float>(channels, usual) : values->floats();
}

// Rows of `in` values each, {in, out} -> {out, in}.
std::vector<float> transposed(const std::vector<float>& values, std::size_t out) {
  std::vector<float> result(values.size());
  const std::size_t in = values.size() / out;
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t i = 0; i < in; ++i) result[o * in + i] = values[i * out + o];
  }
  return result;
}

std::vector<float> unshuffled(const std::vector<float>& values, std::size_t in, std::size_t groups) {
  std::vector<float> result(values.size());
  const std::size_t size = in / groups;
  for (std::size_t row = 0; row < values.size(); row += in) {
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = 0; i < groups; ++i) result[row + i * size + j] = values[row + j * groups + i];
    }
  }
  return result;
}

struct Weighted {
  std::vector<float> weight, bias;
};

std::vector<float> filled(const Operator& op, std::int64_t in, const Matrix& matrix) {
  const auto taps =
      static_cast<std::size_t>(op.window.kernel_h) * static_cast<std::size_t>(op.window.kernel_w);
  const bool forward = op.kind == OpKind::convolution;
  const std::int64_t pairs = forward ? op.channels * (in / op.groups) : in * (op.channels / op.groups);
  const auto count = static_cast<std::size_t>(pairs) * taps;
  std::vector<float> values(count, matrix.tap == -1 ? matrix.fill : 0);
  if (matrix.tap == Matrix::tap_of_channel) {
    for (std::size_t i = 0; i < count; i += taps) values[i + i / taps % taps] = matrix.fill;
  }
  if (matrix.tap >= 0) {
    for (std::size_t i = static_cast<std::size_t>(matrix.tap); i < count; i += taps) values[i] = matrix.fill;
  }
  return values;
}

Weighted matrix_values(const DraftOp& op, std::int64_t in) {
  const Matrix& matrix = std::get<Matrix>(op.values);
  const auto out = static_cast<std::size_t>(op.op.channels);
  Weighted result{matrix.weight == nullptr ? filled(op.op, in, matrix) : matrix.weight->floats(), {}};
  if (matrix.transposed) result.weight = transposed(result.weight, out);
  if (matrix.shuffle > 1) {
    result.weight =
        unshuffled(result.weight, static_cast<std::size_t>(in), static_cast<std::size_t>(matrix.shuffle));
  }
  if (matrix.factor != 1) {
    for (float& value : result.weight) value *= matrix.factor;
  }
  result.bias = or_constant(matrix.bias, out, 0);
  result.bias.resize(out, result.bias.empty() ? 0 : result.bias[0]);  // one value stands for all
  for (float& value : result.bias) value *= matrix.bias_factor;
  return result;
}

// A depthwise 1x1 convolution.
Weighted diagonal_values(const DraftOp& op) {
  const auto channels = static_cast<std::size_t>(op.op.channels);
  if (op.mark == Mark::pad) return {std::vector<float>(channels, 1), std::vector<float>(channels, 0)};
  Weighted result{std::get<Affine>(op.values).scale, std::get<Affine>(op.values).shift};
  result.weight.resize(channels, result.weight[0]);
  result.bias.resize(channels, result.bias[0]);
  return result;
}

// The output channel of a weight: the first dimension, or, for transposed convolutions, group and second one.
std::size_t channel_of(const Operator& op, std::size_t index, std::size_t in, std::size_t per_channel) {
  if (op.kind != OpKind::transposed_convolution) return index / per_channel;
  const auto taps =
      static_cast<std::size_t>(op.window.kernel_h) * static_cast<std::size_t>(op.window.kernel_w);
  const auto groups = static_cast<std::size_t>(op.groups);
  const std::size_t out = static_cast<std::size_t>(op.channels) / groups;
  const std::size_t row = index / taps;
  return row / out / (in / groups) * out + row % out;
}

}  // namespace

void append_weights(Weights& weights, OpId id, const Draft& draft, OpId source,
                    const std::vector<OpId>& folded, bool with_bias) {
  const DraftOp& op = draft.op(source);
  const auto channels = static_cast<std::size_t>(draft.shape(source).channels);
  const Affine after = composed(draft, folded, channels);
  const auto shift_and_scale = [&](std::vector<float>& scale, std::vector<float>& shift) {
    for (std::size_t c = 0; c < channels; ++c) {
      scale[c] *= after.scale[c];
      shift[c] = shift[c] * after.scale[c] + after.shift[c];
    }
  };
  if (op.op.kind == OpKind::batch_norm || op.op.kind == OpKind::layer_norm) {
    const Norm& norm = std::get<Norm>(op.values);
    std::vector<float> scale = or_constant(norm.scale, channels, 1),
                       shift = or_constant(norm.shift, channels, 0);
    shift_and_scale(scale, shift);
    weights.push_back({id, ParameterRole::scale, std::move(scale)});
    weights.push_back({id, ParameterRole::shift, std::move(shift)});
    if (op.op.kind == OpKind::layer_norm) return;
    weights.push_back({id, ParameterRole::running_mean, or_constant(norm.mean, channels, 0)});
    weights.push_back({id, ParameterRole::running_variance, or_constant(norm.variance, channels, 1)});
    return;
  }
  const std::int64_t in = draft.shape(op.inputs[0]).channels;
  const bool diagonal = op.mark == Mark::affine || op.mark == Mark::pad;
  Weighted own = diagonal ? diagonal_values(op) : matrix_values(op, in);
  if (!folded.empty()) {
    const std::size_t per_channel = std::max<std::size_t>(1, own.weight.size() / channels);
    for (std::size_t i = 0; i < own.weight.size(); ++i)
      own.weight[i] *= after.scale[channel_of(op.op, i, static_cast<std::size_t>(in), per_channel)];
    for (std::size_t c = 0; c < channels; ++c) own.bias[c] = own.bias[c] * after.scale[c] + after.shift[c];
  }
  weights.push_back({id, ParameterRole::weight, std::move(own.weight)});
  if (with_bias) weights.push_back({id, ParameterRole::bias, std::move(own.bias)});
}

}  // namespace assay::onnx_import
