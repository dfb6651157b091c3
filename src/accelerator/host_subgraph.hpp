// A subgraph as a network of its own, so that the runtime can run it.
#pragma once

#include "assay/accelerator/subgraph.hpp"

namespace assay {

struct SubgraphNetwork {
  Network network;
  OpId main = 0;  // what runs before it only makes the subgraph's operands
};

// The network's input is the subgraph's first operand. Throws InputError when the host runs the subgraph as
// several kernels (other fusion rules than host_fusion_rules) or its sizes do not fit together.
SubgraphNetwork network_of(const Subgraph& subgraph);

}  // namespace assay
