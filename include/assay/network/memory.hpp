// Activation memory by liveness over the execution order.
#pragma once

#include "assay/network/network.hpp"

#include <cstdint>
#include <vector>

namespace assay {

struct MemoryPolicy {
  int bytes_per_element = 4;
  // Elementwise operators (activation, batch norm, add, multiply, softmax) write over an input of the
  // output's size that nobody needs later. For batch norm and activation this is the same as running them
  // inside the convolution before.
  bool in_place = true;
};

struct MemoryStep {
  OpId op = 0;
  std::int64_t live_bytes =
      0;  // while the operator runs: its inputs, its output, and all that later steps need
};

struct MemoryProfile {
  std::int64_t peak_bytes = 0;
  OpId peak_op = 0;  // the operator that runs at the (first) peak
  std::vector<MemoryStep> steps;
};

// Counted: the network's input while it is needed, every live activation tensor of one image, the output. Not
// counted: parameters, operator scratch, alignment, fragmentation. Dead branches are executed as declared:
// pass canonical(network) to leave them out.
MemoryProfile memory_profile(const Network& network, const MemoryPolicy& policy);

// As memory_profile(...).peak_bytes, without the steps: for the inner loop of a search.
std::int64_t peak_activation_bytes(const Network& network, const MemoryPolicy& policy);

}  // namespace assay
