#include "resolve.hpp"

#include "assay/base/hash.hpp"

#include <algorithm>
#include <bit>

namespace assay {
namespace {

bool keeps_zero(const Operator& op) {
  switch (op.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
    case OpKind::linear:
      return !op.bias;
    case OpKind::activation:
      return op.activation != Activation::sigmoid && op.activation != Activation::h_sigmoid;
    case OpKind::softmax:
    case OpKind::input:
      return false;
    default:
      return true;
  }
}

bool changes_nothing(const Operator& op, Shape in, Shape out) {
  switch (op.kind) {
    case OpKind::flatten:
    case OpKind::slice:
    case OpKind::resize:
    case OpKind::outputs:  // of one flat result
      return in == out;
    case OpKind::channel_shuffle:
      return op.groups == 1 || op.groups == in.channels;
    default:
      return false;
  }
}

std::uint64_t hash_shape(Shape s) {
  return hash_combine(static_cast<std::uint64_t>(s.channels),
                      static_cast<std::uint64_t>(s.height) << 32 | static_cast<std::uint32_t>(s.width));
}

// Everything that the operator computes with, apart from its inputs. The output shape says most about the
// window already; what remains is hashed field by field, so that the value does not depend on padding bytes.
std::uint64_t hash_attributes(const Operator& op, Shape out) {
  const auto pack = [](std::int32_t high, std::int32_t low) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32 |
           static_cast<std::uint32_t>(low);
  };
  std::uint64_t h =
      hash_combine(static_cast<std::uint64_t>(op.kind) | static_cast<std::uint64_t>(op.activation) << 8 |
                       static_cast<std::uint64_t>(op.resize_mode) << 16 | std::uint64_t{op.bias} << 24 |
                       std::uint64_t{op.count_include_pad} << 25,
                   hash_shape(out));
  if (op.kind == OpKind::convolution || op.kind == OpKind::transposed_convolution ||
      op.kind == OpKind::max_pool || op.kind == OpKind::average_pool) {
    const Window& w = op.window;
    h = hash_combine(h, pack(w.kernel_h, w.kernel_w));
    h = hash_combine(h, pack(w.stride_h, w.stride_w));
    h = hash_combine(h, pack(w.dilation_h, w.dilation_w));
    h = hash_combine(h, pack(w.pad_top, w.pad_left) ^ std::rotl(pack(w.pad_bottom, w.pad_right), 16));
    h = hash_combine(h, static_cast<std::uint64_t>(op.groups));
  }
  if (op.kind == OpKind::channel_shuffle) h = hash_combine(h, static_cast<std::uint64_t>(op.groups));
  if (op.kind == OpKind::slice) h = hash_combine(h, static_cast<std::uint64_t>(op.slice_begin));
  if (op.parameter != 0) h = hash_combine(h, std::bit_cast<std::uint32_t>(op.parameter));
  return h;
}

}  // namespace

void Resolution::resolve(const Network& network) {
  find_representatives(network);
  mark_live(network);
  refine_colours(network);
}

void Resolution::find_representatives(const Network& network) {
  const auto n = static_cast<std::size_t>(network.size());
  alias_.resize(n);
  first_free_.assign(n, -1);
  next_free_.assign(n, -1);
  first_edge_.assign(n + 1, 0);
  edges_.clear();
  for (OpId id = 0; id < network.size(); ++id) {
    first_edge_[id] = static_cast<std::int32_t>(edges_.size());
    const Operator& op = network.op(id);
    for (const OpId input : network.inputs(id)) {
      const OpId r = alias_[input];
      if (op.kind == OpKind::add && r == zero) continue;
      edges_.push_back(r);
    }
    first_edge_[id + 1] = static_cast<std::int32_t>(edges_.size());
    alias_[id] = representative_of(network, id);
  }
  output_ = alias_[network.output()];
}

OpId Resolution::representative_of(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  const std::span<const OpId> in = inputs(id);
  if (op.kind == OpKind::input) return id;
  if (op.kind == OpKind::zero || in.empty()) return zero;  // an add of zeros has lost all its inputs
  const auto zeros = static_cast<std::size_t>(std::count(in.begin(), in.end(), zero));
  if (keeps_zero(op) && (op.kind == OpKind::multiply ? zeros > 0 : zeros == in.size())) return zero;
  if (op.kind == OpKind::add && in.size() == 1) return in[0];

  if (in[0] != zero && changes_nothing(op, network.shape(in[0]), network.shape(id))) return in[0];
  if (op.has_parameters() || in[0] == zero) return id;

  // An equal operator without parameters on the same inputs computes the same values: relu(x) written twice
  // is one relu(x).
  if (op.is_commutative()) std::sort(edges_.begin() + first_edge_[id], edges_.begin() + first_edge_[id + 1]);
  if (in[0] == zero) return id;
  for (OpId other = first_free_[in[0]]; other >= 0; other = next_free_[other]) {
    if (network.op(other) == op && std::ranges::equal(inputs(other), in)) return other;
  }
  next_free_[id] = first_free_[in[0]];
  first_free_[in[0]] = id;
  return id;
}

void Resolution::mark_live(const Network& network) {
  live_.assign(static_cast<std::size_t>(network.size()), 0);
  if (output_ == zero) return;
  live_[output_] = 1;
  for (OpId id = output_; id >= 0; --id) {
    if (live_[id] == 0) continue;
    for (const OpId input : inputs(id)) {
      if (input != zero) live_[input] = 1;
    }
  }
}

void Resolution::refine_colours(const Network& network) {
  const auto n = static_cast<std::size_t>(network.size());
  up_.resize(n);
  down_.assign(n, 0);
  colour_.resize(n);
  // The input's shape is part of the function even when nothing depends on its values.
  fingerprint_ = hash_combine(hash_shape(network.input_shape()), hash_shape(network.output_shape()));
  if (output_ == zero) return;
  for (OpId id = 0; id <= output_; ++id) {
    if (!live(id)) continue;
    const Operator& op = network.op(id);
    std::uint64_t h = hash_attributes(op, network.shape(id));
    std::uint64_t sum = 0;
    const std::span<const OpId> declared = network.inputs(id);
    const std::span<const OpId> in = inputs(id);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::uint64_t from = in[i] == zero ? hash_shape(network.shape(declared[i])) : up_[in[i]];
      if (op.is_commutative()) {
        sum += hash_combine(from, 1);  // a sum does not depend on the order
      } else {
        h = hash_combine(h, from);
      }
    }
    up_[id] = hash_combine(h, sum);
  }
  down_[output_] = 1;
  for (OpId id = output_; id >= 0; --id) {
    if (!live(id)) continue;
    colour_[id] = hash_combine(up_[id], down_[id]);
    fingerprint_ += hash_combine(colour_[id], 2);
    const bool commutative = network.op(id).is_commutative();
    std::uint64_t position = 0;
    for (const OpId input : inputs(id)) {
      if (input != zero) down_[input] += hash_combine(colour_[id], commutative ? 0 : position);
      ++position;
    }
  }
}

}  // namespace assay
