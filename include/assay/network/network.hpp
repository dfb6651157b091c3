// The operator graph that a candidate decodes to: immutable, flat, in topological (= execution) order, with
// inferred shapes. Built by NetworkBuilder (builder.hpp) or read from JSON (json.hpp).
#pragma once

#include "assay/network/operator.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The output of one block of the space (a cell, an inverted bottleneck, the stem). Scores that walk a network
// block by block (AZ-NAS) and reports use these marks. Marks are in execution order; two marks may name the
// same operator (a block that is the identity).
struct BlockMark {
  OpId output = 0;
  std::string name;
};

class Network {
 public:
  int size() const { return static_cast<int>(operators_.size()); }
  const Operator& op(OpId id) const { return operators_[id]; }
  Shape shape(OpId id) const { return shapes_[id]; }
  std::span<const OpId> inputs(OpId id) const {
    return {edges_.data() + first_edge_[id], static_cast<std::size_t>(first_edge_[id + 1] - first_edge_[id])};
  }
  // "stage2.block1.expand": names are for people; nothing depends on them and they need not be unique.
  std::string_view name(OpId id) const {
    return std::string_view(names_).substr(first_name_[id], first_name_[id + 1] - first_name_[id]);
  }
  Shape input_shape() const { return shapes_[0]; }
  OpId output() const { return output_; }
  Shape output_shape() const { return shapes_[output_]; }
  std::span<const BlockMark> blocks() const { return blocks_; }
  const std::string& title() const { return title_; }

  // Learned parameters of every declared operator, dead ones included, as training frameworks count them:
  // weights and biases of convolutions and linear operators, scale and shift of norms (running statistics
  // are not parameters).
  std::int64_t parameters() const { return parameters_; }
  // Multiply-accumulates of convolutions and linear operators for one image; elementwise work and pooling
  // count nothing.
  std::int64_t macs() const { return macs_; }
  std::int64_t parameters(OpId id) const;
  std::int64_t macs(OpId id) const;

  // Consumers of each operator, in execution order; the output counts as no consumer.
  std::vector<std::vector<OpId>> consumers() const;

 private:
  friend class NetworkBuilder;

  std::vector<Operator> operators_;
  std::vector<Shape> shapes_;
  std::vector<OpId> edges_;
  std::vector<std::int32_t> first_edge_;
  std::string names_;
  std::vector<std::int32_t> first_name_;
  std::vector<BlockMark> blocks_;
  std::string title_;
  OpId output_ = 0;
  std::int64_t parameters_ = 0;
  std::int64_t macs_ = 0;
};

// Every operator's name, made unique ("conv", "conv_2"): for files whose operators refer to each other by
// name.
std::vector<std::string> unique_names(const Network& network);

// The function's identity: equal for networks that compute the same function of their input and their (freely
// initialised) parameters under renaming, another order of declaration, reordered inputs of add and multiply,
// dead branches, and zero operators that vanish. Colour refinement over the live graph, once from the input
// up and once from the output down (Weisfeiler-Lehman), so that a shared operator and two equal ones differ.
//
// Zeros: convolution and linear without bias, pooling, resize, add, multiply, batch norm and every activation
// with f(0) = 0 map zero to zero. (Batch norm of zero is its learned shift, a mere bias; NAS-Bench-201 counts
// such cells as equal too.)
std::uint64_t fingerprint(const Network& network);

struct Identity {
  std::uint64_t fingerprint = 0;
  // No operator is dead, zero, or equal to another one without parameters: canonical() would only reorder.
  bool minimal = false;
};
Identity identify(const Network& network);

// The same function with dead branches removed, zeros propagated, and operators and commutative inputs in an
// order that depends on the function alone: networks of one fingerprint have one canonical form, so whatever
// is computed from it (random weights included) is a function of the fingerprint. Block marks survive unless
// their block died.
Network canonical(const Network& network);

// As many block marks as there are: the network's own, or, when it has none (read from a file), every
// operator after the input through which all paths to the output pass, ends of conv-bn-activation chains
// only.
std::vector<BlockMark> blocks_or_cuts(const Network& network);

}  // namespace assay
