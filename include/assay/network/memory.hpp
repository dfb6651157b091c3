// Activation memory by liveness over an execution order.
//
// Counted: the network's input while it is needed, every live activation tensor of one image, the output, and
// the scratch that the policy states. Several outputs (OpKind::outputs at the end) stay where they were made.
// Not counted: parameters, alignment, fragmentation. Dead branches are executed as declared: pass
// canonical(network) to leave them out.
#pragma once

#include "assay/network/network.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// What an implementation keeps in memory while it runs a network. The defaults count whole tensors, operator
// by operator, in the declared order.
struct MemoryPolicy {
  int bytes_per_element = 4;
  // Elementwise operators (activation, norms, add, multiply, softmax) write over an input of the output's
  // size that nobody needs later. For batch norm and activation this is the same as running them inside the
  // convolution before.
  bool in_place = true;

  // A convolution that is computed as a matrix product copies the patches of so many output pixels side by
  // side: min(im2col_pixels, output pixels) x taps x input channels of one group elements. A 1x1 convolution
  // of stride 1 needs no copy. A transposed convolution has, of so many of its input's pixels, taps x output
  // channels of one group elements to add up. 0: convolutions read their input where it lies; CMSIS-NN's
  // kernels take 2.
  int im2col_pixels = 0;
  // Convolutions and linear operators keep partial sums of this width for `partial_sum_rows` rows of the
  // output image (0: all rows) while they accumulate over input channels. 0: inside the matrix unit.
  int partial_sum_bytes = 0;
  int partial_sum_rows = 1;

  // Chains of operators are run in strips of so many rows of their last output (0: whole tensors), each
  // tensor between them a rolling buffer. To make n new rows, an operator of kernel k, stride s and dilation
  // d holds max((n - 1) s + (k - 1) d + 1, n s) rows of its input, n s of them new, which is what the
  // operator before makes at a time: no row is computed twice (the cascades of Arm's Vela compiler for
  // Ethos-U). A chain's first input and last output are whole tensors. Where streaming a chain, or a part of
  // it, needs no less than running it operator by operator, it is not streamed.
  int strip_rows = 0;

  // Operators run in the order of memory_schedule (schedule.hpp), not in the declared one.
  bool reorder = false;
};

// Which operators run as one, so that no tensor between them takes memory.
struct FusedOperators {
  // Per operator the last operator of its subgraph, itself when it runs alone; nobody outside of a subgraph
  // reads any but its last tensor. Empty: every operator runs alone.
  std::span<const OpId> last;
  // Operators write to where the concatenated tensor lies: only parts that are needed later are copied.
  bool concat = false;
};

// One operator, one fused subgraph, or one chain of them that runs in strips.
struct MemoryStep {
  OpId op = 0;    // the first operator
  OpId last = 0;  // the one that makes the step's tensor; `op` when it runs alone
  // While the step runs: its inputs, its output, its scratch, and all that later steps need.
  std::int64_t live_bytes = 0;
};

// What takes memory while a step runs.
struct LiveTensor {
  enum class Role : std::uint8_t {
    operand,  // the step reads it
    waiting,  // a later step reads it
    result,   // the step makes it; 0 bytes where it is written over operands
    scratch,  // of the step
  };
  OpId op = 0;  // whose output it is; scratch: the step's
  std::int64_t bytes = 0;
  Role role = Role::operand;
};

struct MemoryProfile {
  std::int64_t peak_bytes = 0;
  OpId peak_op = 0;               // MemoryStep::op of the (first) step at the peak
  std::vector<MemoryStep> steps;  // in the order in which they run; flattening is no step
  std::vector<LiveTensor> peak;   // in the order in which they are made; their sum is the peak of activations
};

MemoryProfile memory_profile(const Network& network, const MemoryPolicy& policy,
                             const FusedOperators& fused = {});

// As memory_profile(...).peak_bytes, without the steps: for the inner loop of a search.
std::int64_t peak_activation_bytes(const Network& network, const MemoryPolicy& policy,
                                   const FusedOperators& fused = {});

}  // namespace assay
