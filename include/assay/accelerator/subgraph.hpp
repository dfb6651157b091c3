// Subgraphs: the groups of operators that an accelerator runs as one (a convolution with the batch norm,
// activation and add behind it). The unit of measuring and of estimating.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/base/hash.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// A plain value without padding bytes: equal subgraphs take equal time wherever they stand in a network, so a
// hash of the value is the key of measurements and of cached predictions.
struct Subgraph {
  enum Part : std::uint8_t {  // bits of `parts`
    bias = 1,
    batch_norm = 2,
    activated = 4,  // `activation` runs behind the main operator
    add = 8,
    multiply = 16,
    gate = 32,  // multiply as main operator: the second factor is {c,1,1}
  };

  OpKind kind = OpKind::convolution;         // the main operator
  Activation activation = Activation::relu;  // meaningful for kind activation or with `activated`
  std::uint8_t parts = 0;
  std::uint8_t operands = 1;  // tensors read: 1, plus one per fused add or multiply; add: its inputs
  Shape input;                // of the first operand (concat: of the output)
  Shape output;
  std::int32_t groups = 1;
  std::int32_t kernel_h = 1, kernel_w = 1;
  std::int32_t stride_h = 1, stride_w = 1;
  std::int32_t dilation_h = 1, dilation_w = 1;

  bool has(Part part) const { return (parts & part) != 0; }
  bool is_transposed() const { return kind == OpKind::transposed_convolution; }
  bool is_convolution() const { return kind == OpKind::convolution || is_transposed(); }
  bool is_depthwise() const { return is_convolution() && groups > 1 && groups == input.channels; }
  // Runs on the matrix unit (depthwise convolutions: where the accelerator says).
  bool is_matrix() const { return is_convolution() || kind == OpKind::linear; }
  // A convolution or pool: how input and output size differ is up to kernel, stride, dilation and padding.
  bool is_windowed() const {
    return is_convolution() || kind == OpKind::max_pool || kind == OpKind::average_pool;
  }
  // What the work goes over, the whole kernel at each element: the output; for global pooling, the input; for
  // transposed convolutions, the output's channels on the input's pixels, each of which meets every tap once.
  Shape walked() const;
  std::int64_t taps() const { return std::int64_t{kernel_h} * kernel_w; }
  std::uint64_t key() const { return hash_value(*this); }
  friend bool operator==(const Subgraph&, const Subgraph&) = default;
};
static_assert(std::has_unique_object_representations_v<Subgraph>);

// What a subgraph has to do, for one image.
struct Work {
  std::int64_t macs = 0;  // of convolutions and linear
  std::int64_t vector_ops =
      0;  // elementwise operations and pooling taps of the main operator; fused parts: none
  // Bias and batch norm as one value per output channel; a norm on its own has two.
  std::int64_t weight_elements = 0;
  std::int64_t input_elements = 0;  // all operands
  std::int64_t output_elements = 0;
};
Work work_of(const Subgraph& subgraph);

// The operator alone, nothing fused behind it.
Subgraph subgraph_of(const Network& network, OpId id);

// Vector operations per output element (global pooling: per input element) of an operator that is not
// matrix work: kernel taps for pooling, 1 for add, multiply and ReLU, up to 8 for activations with an
// exponential. A convention of the cycle model; a fit learns the true cost per kind.
int vector_ops_per_element(const Subgraph& subgraph);

// The classes that behave alike in time and are fitted together.
enum class SubgraphKind : std::uint8_t {
  convolution,
  depthwise,
  linear,
  pooling,
  global_pooling,
  elementwise,
  movement
};
inline constexpr int subgraph_kind_count = 7;
SubgraphKind kind_of(const Subgraph& subgraph);
std::string_view to_string(SubgraphKind kind);

// "3x3 convolution 16->32 s2 28x28 +batch_norm +relu": for reports.
std::string describe(const Subgraph& subgraph);

// Throws InputError beginning with `place` when sizes are no possible subgraph (channels 0, groups that do
// not divide, output larger than the input allows, counts that overflow).
void check(const Subgraph& subgraph, const std::string& place);

struct SubgraphInstance {
  Subgraph subgraph;
  OpId first = 0;  // the main operator
  OpId last = 0;   // the last fused one, whose output is the subgraph's
};

// Splits networks; keeps its buffers from one network to the next, so that splitting allocates nothing once
// it has seen the largest one. One per thread.
class SubgraphSplitter {
 public:
  explicit SubgraphSplitter(const FusionRules& rules) : rules_(rules) {}

  // In execution order; valid until the next call. Operators that do not reach the output are left out. Zero
  // operators and what follows from them are not simplified: pass canonical(network) where a space has them.
  std::span<const SubgraphInstance> split(const Network& network);

  // Of the last split: per operator the index of its subgraph, -1 for those that are part of none.
  std::span<const std::int32_t> membership() const { return member_; }

 private:
  bool fuse(const Network& network, OpId id);

  FusionRules rules_;
  std::vector<SubgraphInstance> instances_;
  std::vector<std::int32_t> uses_;   // live consumers per operator
  std::vector<std::int32_t> owner_;  // subgraph that ends with this operator, or -1
  std::vector<std::int32_t> member_;
};

}  // namespace assay
