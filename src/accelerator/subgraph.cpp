#include "assay/accelerator/subgraph.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay {
namespace {

int activation_ops(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return 1;
    case Activation::relu6:
    case Activation::leaky_relu:
      return 2;
    case Activation::h_sigmoid:
      return 3;
    case Activation::h_swish:
      return 4;
    case Activation::silu:
    case Activation::sigmoid:
    case Activation::tanh:
    case Activation::gelu:
      break;
  }
  return 8;
}

// Other names for what is in memory already.
bool takes_no_time(OpKind kind) {
  return kind == OpKind::flatten || kind == OpKind::outputs;
}

}  // namespace

Shape Subgraph::walked() const {
  if (is_transposed()) return {output.channels, input.height, input.width};
  const bool global = kind == OpKind::global_average_pool || kind == OpKind::global_max_pool;
  return global ? input : output;
}

int vector_ops_per_element(const Subgraph& s) {
  switch (s.kind) {
    case OpKind::activation:
      return activation_ops(s.activation);
    case OpKind::convolution:  // depthwise, on the vector unit
    case OpKind::transposed_convolution:
    case OpKind::max_pool:
    case OpKind::average_pool:
      return static_cast<int>(s.taps());
    case OpKind::add:
      return s.operands - 1;
    case OpKind::batch_norm:
      return 2;
    case OpKind::layer_norm:
      return 6;  // the sums of x and of its squared difference, then a difference and two products
    case OpKind::softmax:
      return 10;
    case OpKind::resize:
      return 4;
    default:
      return 1;
  }
}

Work work_of(const Subgraph& s) {
  Work work;
  work.input_elements = s.input.elements();
  work.output_elements = s.output.elements();
  const bool shifted = s.has(Subgraph::bias) || s.has(Subgraph::batch_norm);
  if (s.is_matrix()) {
    const std::int64_t weights = s.taps() * (s.input.channels / s.groups) * s.output.channels;
    const Shape walked = s.walked();
    work.macs = weights * walked.height * walked.width;
    work.weight_elements = weights + (shifted ? s.output.channels : 0);
  } else {
    work.vector_ops = s.walked().elements() * vector_ops_per_element(s);
    if (s.kind == OpKind::batch_norm || s.kind == OpKind::layer_norm)
      work.weight_elements = 2 * std::int64_t{s.output.channels};
  }
  const std::int64_t further = s.operands - 1;
  work.input_elements += s.has(Subgraph::gate) ? s.output.channels : further * s.output.elements();
  return work;
}

Subgraph subgraph_of(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  const std::span<const OpId> inputs = network.inputs(id);
  Subgraph s;
  s.kind = op.kind;
  s.output = network.shape(id);
  s.input = network.shape(inputs[0]);
  switch (op.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
      s.groups = op.groups;
      [[fallthrough]];
    case OpKind::max_pool:
    case OpKind::average_pool:
      s.kernel_h = op.window.kernel_h;
      s.kernel_w = op.window.kernel_w;
      s.stride_h = op.window.stride_h;
      s.stride_w = op.window.stride_w;
      s.dilation_h = op.window.dilation_h;
      s.dilation_w = op.window.dilation_w;
      break;
    case OpKind::linear:
      s.input = {static_cast<std::int32_t>(s.input.elements()), 1, 1};
      break;
    case OpKind::channel_shuffle:
      s.groups = op.groups;
      break;
    case OpKind::activation:
      s.activation = op.activation;
      break;
    case OpKind::add:
      s.operands = static_cast<std::uint8_t>(std::min<std::size_t>(inputs.size(), 255));
      break;
    case OpKind::multiply:
      s.operands = 2;
      s.input = s.output;
      if (network.shape(inputs[0]) != network.shape(inputs[1])) s.parts = Subgraph::gate;
      break;
    case OpKind::concat:
    case OpKind::slice:
    case OpKind::zero:
      s.input = s.output;
      break;  // as many elements are read as written
    default:
      break;
  }
  if (op.bias) s.parts = static_cast<std::uint8_t>(s.parts | Subgraph::bias);
  return s;
}

SubgraphKind kind_of(const Subgraph& s) {
  switch (s.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
      return s.is_depthwise() ? SubgraphKind::depthwise : SubgraphKind::convolution;
    case OpKind::linear:
      return SubgraphKind::linear;
    case OpKind::max_pool:
    case OpKind::average_pool:
      return SubgraphKind::pooling;
    case OpKind::global_max_pool:
    case OpKind::global_average_pool:
      return SubgraphKind::global_pooling;
    case OpKind::batch_norm:
    case OpKind::layer_norm:
    case OpKind::activation:
    case OpKind::add:
    case OpKind::multiply:
    case OpKind::softmax:
      return SubgraphKind::elementwise;
    default:
      return SubgraphKind::movement;
  }
}

std::string_view to_string(SubgraphKind kind) {
  static constexpr std::array<std::string_view, subgraph_kind_count> names = {
      "convolution", "depthwise", "linear", "pooling", "global_pooling", "elementwise", "movement"};
  return names[static_cast<std::size_t>(kind)];
}

std::string describe(const Subgraph& s) {
  std::string text;
  if (s.taps() > 1) text += fmt::format("{}x{} ", s.kernel_h, s.kernel_w);
  if (s.is_depthwise()) text += "depthwise ";
  text += to_string(s.kind == OpKind::activation ? OpKind::activation : s.kind);
  if (s.kind == OpKind::activation) text += fmt::format(" {}", to_string(s.activation));
  if (s.groups > 1 && !s.is_depthwise()) text += fmt::format(" g{}", s.groups);
  text += fmt::format(" {}->{}", s.input.channels, s.output.channels);
  if (s.stride_h > 1 || s.stride_w > 1) text += fmt::format(" s{}", std::max(s.stride_h, s.stride_w));
  if (s.dilation_h > 1 || s.dilation_w > 1) text += fmt::format(" d{}", std::max(s.dilation_h, s.dilation_w));
  text += fmt::format(" {}x{}", s.output.height, s.output.width);
  if (s.has(Subgraph::batch_norm)) text += " +batch_norm";
  if (s.has(Subgraph::add)) text += " +add";
  if (s.has(Subgraph::multiply)) text += " +multiply";
  if (s.has(Subgraph::activated)) text += fmt::format(" +{}", to_string(s.activation));
  return text;
}

void check(const Subgraph& s, const std::string& place) {
  const auto fail = [&](const std::string& text) { throw InputError(fmt::format("{}: {}", place, text)); };
  constexpr int limit = 1 << 24;
  for (const int size : {s.input.channels, s.input.height, s.input.width, s.output.channels, s.output.height,
                         s.output.width, s.groups, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w,
                         s.dilation_h, s.dilation_w, int{s.operands}}) {
    if (size < 1 || size > limit) {
      fail(
          fmt::format("a size is {}. Channels, sizes, kernel, stride, dilation, groups and operands lie "
                      "between 1 and {}.",
                      size, limit));
    }
  }
  if (s.input.channels % s.groups != 0 || s.output.channels % s.groups != 0) {
    fail(fmt::format("{} groups do not divide {} input and {} output channels. Correct the row.", s.groups,
                     s.input.channels, s.output.channels));
  }
  if (s.is_windowed()) {
    const auto possible = [&](int in, int out, int kernel, int stride, int dilation) {
      const std::int64_t further = (std::int64_t{kernel} - 1) * dilation;
      if (s.is_transposed()) {
        const std::int64_t all = (std::int64_t{in} - 1) * stride + further + std::max(stride, dilation);
        return out <= all && all < out + 2 * further + std::max(stride, dilation);
      }
      // Padding of up to a dilated kernel on either side.
      return (std::int64_t{out} - 1) * stride < in + 2 * further;
    };
    if (!possible(s.input.height, s.output.height, s.kernel_h, s.stride_h, s.dilation_h) ||
        !possible(s.input.width, s.output.width, s.kernel_w, s.stride_w, s.dilation_w)) {
      fail(fmt::format(
          "an output of {}x{} cannot come from an input of {}x{} with stride {}x{}. Correct the "
          "sizes.",
          s.output.height, s.output.width, s.input.height, s.input.width, s.stride_h, s.stride_w));
    }
  }
  if (s.kind == OpKind::input || takes_no_time(s.kind)) {
    fail(fmt::format("\"{}\" is no subgraph: it takes no time. Remove the row.", to_string(s.kind)));
  }
  // In floating point: the integers could overflow.
  const auto elements = [](const Shape& shape) { return 1.0 * shape.channels * shape.height * shape.width; };
  const double macs = 1.0 * s.kernel_h * s.kernel_w * (s.input.channels / s.groups) * elements(s.walked());
  const double moved = elements(s.input) + s.operands * elements(s.output);
  if (macs > 1e16 || moved > 1e14) fail("the sizes multiply to an impossible amount of work. Correct them.");
}

std::span<const SubgraphInstance> SubgraphSplitter::split(const Network& network) {
  const auto n = static_cast<std::size_t>(network.size());
  uses_.assign(n, 0);
  owner_.assign(n, -1);
  member_.assign(n, -1);
  instances_.clear();
  uses_[network.output()] = 1;
  for (OpId id = network.size() - 1; id > 0; --id) {
    if (uses_[id] == 0) continue;
    for (const OpId input : network.inputs(id)) ++uses_[input];
  }
  for (OpId id = 1; id < network.size(); ++id) {
    if (uses_[id] == 0) continue;
    const OpKind kind = network.op(id).kind;
    if (takes_no_time(kind) || (kind == OpKind::concat && rules_.concat) || fuse(network, id)) continue;
    owner_[id] = member_[id] = static_cast<std::int32_t>(instances_.size());
    instances_.push_back({subgraph_of(network, id), id, id});
  }
  return instances_;
}

// Appends the operator to the subgraph that made one of its inputs, if the rules allow it and nobody else
// needs that input.
bool SubgraphSplitter::fuse(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  const std::span<const OpId> inputs = network.inputs(id);
  Subgraph::Part part = Subgraph::batch_norm;
  switch (op.kind) {
    case OpKind::batch_norm:
      if (!rules_.batch_norm) return false;
      break;
    case OpKind::activation:
      if (!rules_.fuses(op.activation)) return false;
      part = Subgraph::activated;
      break;
    case OpKind::add:
    case OpKind::multiply:
      if (!(op.kind == OpKind::add ? rules_.add : rules_.multiply) || inputs.size() != 2) return false;
      part = op.kind == OpKind::add ? Subgraph::add : Subgraph::multiply;
      break;
    default:
      return false;
  }
  // Of two operands, the one whose subgraph runs last.
  std::int32_t owner = -1;
  OpId from = -1;
  for (const OpId input : inputs) {
    if (owner_[input] <= owner) continue;
    owner = owner_[input];
    from = input;
  }
  if (owner < 0 || uses_[from] != 1) return false;
  Subgraph& subgraph = instances_[owner].subgraph;
  if (subgraph.has(part) || network.shape(from) != network.shape(id)) return false;
  switch (part) {
    case Subgraph::batch_norm:
      // Folding into weights works only directly behind the main operator.
      if (!subgraph.is_matrix() || instances_[owner].last != instances_[owner].first) return false;
      break;
    case Subgraph::activated: {
      const bool takes = subgraph.is_matrix() || subgraph.kind == OpKind::add ||
                         subgraph.kind == OpKind::multiply || subgraph.kind == OpKind::batch_norm;
      if (!takes) return false;
      subgraph.activation = op.activation;
      break;
    }
    default: {
      const OpId other = inputs[0] == from ? inputs[1] : inputs[0];
      const bool complete = owner_[other] >= 0 || other < instances_[owner].first;
      if (!complete || !subgraph.is_matrix() || network.shape(other) != network.shape(id)) return false;
      ++subgraph.operands;
    }
  }
  subgraph.parts = static_cast<std::uint8_t>(subgraph.parts | part);
  owner_[from] = -1;
  owner_[id] = member_[id] = owner;
  instances_[owner].last = id;
  return true;
}

}  // namespace assay
