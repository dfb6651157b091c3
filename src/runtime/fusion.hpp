// From operators to groups: each group becomes one kernel forward, and holds the operators whose tensors need
// not exist.
//
// Which fusions are legal depends on the pass. Forward only, everything that has one consumer may vanish.
// With backward, an activation joins its producer when its derivative can be had from what survives anyway:
// from the group's output (ReLU and its like), or from the input of a single batch norm. Tapped tensors
// always exist. For inference the groups are the subgraphs that SubgraphSplitter (accelerator/subgraph.hpp)
// makes under the fusion rules of spaces/accelerators/host_cpu.toml, so that what is measured of a subgraph
// holds in a network; tests/runtime_inference_test.cpp compares the two.
#pragma once

#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <vector>

namespace assay {

// One input of a group: the tensor of operator `source`, through batch norm `norm` if that is one.
struct GroupInput {
  OpId source = -1;
  OpId norm = -1;
};

struct Group {
  OpKind kind =
      OpKind::input;  // add: affine sums, that is batch norm, add, activation and zero in any combination
  OpId op = -1;       // the operator that gives the kernel its attributes
  OpId output = -1;   // the last operator fused in: the group's tensor is its output
  OpId activation = -1;
  OpId folded_norm = -1;          // batch norm folded into the convolution's weights
  OpId residual = -1;             // tensor added inside the convolution
  bool activation_first = false;  // before the residual is added
  std::vector<GroupInput> inputs = {};
};

struct Fusion {
  std::vector<Group> groups;  // in execution order; the network's input is none
  std::vector<OpId>
      tensor_of;  // the operator whose tensor holds this operator's output; -1: dead or fused away
};

// `live`: operators that the output or a tap depends on.
std::vector<bool> live_operators(const Network& network, const CompileOptions& options);
Fusion fuse(const Network& network, const CompileOptions& options);

}  // namespace assay
