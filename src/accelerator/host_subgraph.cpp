#include "host_subgraph.hpp"

#include "assay/accelerator/host_measurement.hpp"
#include "assay/base/error.hpp"
#include "assay/network/builder.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace assay {
namespace {

// Padding before and after one dimension that makes `out` of `in`.
std::pair<int, int> padding(int in, int out, int kernel, int stride, int dilation) {
  const int reach = dilation * (kernel - 1) + 1;
  // The same on both sides, as networks have it, where that fits; else what is missing.
  const int same = (reach - 1) / 2;
  if ((in + 2 * same - reach) / stride + 1 == out) return {same, same};
  const int missing = std::max(0, (out - 1) * stride + reach - in);
  return {missing / 2, missing - missing / 2};
}

// The same for a transposed convolution; negative behind where rows are added.
std::pair<int, int> transposed_padding(int in, int out, int kernel, int stride, int dilation) {
  const int missing = (in - 1) * stride + dilation * (kernel - 1) + 1 - out;
  const int before = std::max(0, (missing + 1) / 2);
  return {before, missing - before};
}

Operator operator_of(const Subgraph& s) {
  Operator op;
  op.kind = s.kind;
  op.activation = s.activation;
  op.bias = s.has(Subgraph::bias);
  op.channels = s.output.channels;
  op.groups = s.groups;
  op.window = {.kernel_h = s.kernel_h,
               .kernel_w = s.kernel_w,
               .stride_h = s.stride_h,
               .stride_w = s.stride_w,
               .dilation_h = s.dilation_h,
               .dilation_w = s.dilation_w};
  if (s.is_windowed()) {
    Window& w = op.window;
    const auto pads = s.is_transposed() ? transposed_padding : padding;
    std::tie(w.pad_top, w.pad_bottom) =
        pads(s.input.height, s.output.height, w.kernel_h, w.stride_h, w.dilation_h);
    std::tie(w.pad_left, w.pad_right) =
        pads(s.input.width, s.output.width, w.kernel_w, w.stride_w, w.dilation_w);
  }
  if (s.kind == OpKind::resize || s.kind == OpKind::zero) {
    op.resize_height = s.output.height;
    op.resize_width = s.output.width;
  }
  constexpr float usual_slope = 0.01f;
  if (s.activation == Activation::leaky_relu) op.parameter = usual_slope;
  return op;
}

// Adds the subgraph's operators to a network that so far is its input.
class Writer {
 public:
  explicit Writer(const Subgraph& subgraph) : s_(subgraph), builder_(subgraph.input) {}

  SubgraphNetwork write() && {
    const std::vector<OpId> inputs = operands();
    Operator op = operator_of(s_);
    if (s_.kind == OpKind::slice) op.slice_begin = s_.output.channels;
    const OpId main = builder_.add(op, inputs, "main");
    OpId x = main;
    if (s_.has(Subgraph::batch_norm)) x = builder_.batch_norm(x, "batch_norm");
    if (s_.has(Subgraph::add)) x = builder_.sum(x, addend_, "add");
    if (s_.has(Subgraph::activated) && s_.kind != OpKind::activation) {
      Operator activation{.kind = OpKind::activation, .activation = s_.activation};
      activation.parameter = op.parameter;
      x = builder_.add(activation, {x}, "activation");
    }
    return {std::move(builder_).finish(x), main};
  }

 private:
  std::vector<OpId> operands() {
    if (s_.has(Subgraph::add)) addend_ = operand(s_.output);
    switch (s_.kind) {
      case OpKind::add: {
        std::vector<OpId> inputs = {0};
        while (static_cast<int>(inputs.size()) < s_.operands) inputs.push_back(operand(s_.output));
        return inputs;
      }
      case OpKind::multiply:
        return {0, operand(s_.has(Subgraph::gate) ? Shape{s_.output.channels, 1, 1} : s_.output)};
      case OpKind::concat: {
        // Of how many parts it was is not known: two.
        const int half = std::max(1, s_.output.channels / 2);
        Shape first = s_.output, second = s_.output;
        first.channels = half;
        second.channels = s_.output.channels - half;
        return {operand(first), operand(second)};
      }
      case OpKind::slice: {
        Shape whole = s_.output;
        whole.channels *= 2;
        return {operand(whole)};
      }
      default:
        return {0};
    }
  }

  // A tensor of any shape, made from the input at little cost.
  OpId operand(const Shape& shape) {
    if (pixel_ < 0) pixel_ = builder_.global_average_pool(0, "pixel");
    OpId x = builder_.convolution(pixel_, shape.channels, Window(), "channels");
    if (shape.height == 1 && shape.width == 1) return x;
    Operator resize{.kind = OpKind::resize};
    resize.resize_height = shape.height;
    resize.resize_width = shape.width;
    return builder_.add(resize, {x}, "operand");
  }

  const Subgraph& s_;
  NetworkBuilder builder_;
  OpId pixel_ = -1, addend_ = -1;
};

}  // namespace

FusionRules host_fusion_rules() {
  FusionRules rules;
  rules.concat = false;
  for (const Activation fused : {Activation::relu, Activation::relu6, Activation::leaky_relu,
                                 Activation::h_swish, Activation::silu, Activation::tanh, Activation::gelu}) {
    rules.activations |= 1u << static_cast<int>(fused);
  }
  return rules;
}

SubgraphNetwork network_of(const Subgraph& subgraph) {
  SubgraphNetwork result = Writer(subgraph).write();
  SubgraphSplitter splitter(host_fusion_rules());
  for (const SubgraphInstance& instance : splitter.split(result.network)) {
    if (instance.first == result.main && instance.subgraph == subgraph) return result;
  }
  throw InputError(fmt::format(
      "\"{}\" cannot be measured on the host CPU, which fuses other operators, or computes another "
      "output size. Split networks by the fusion rules of spaces/accelerators/host_cpu.toml.",
      describe(subgraph)));
}

}  // namespace assay
