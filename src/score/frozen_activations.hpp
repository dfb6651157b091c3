// Activations held on the pieces of which they are made, those on which a first forward pass found their
// inputs.
//
// The second derivative of a network of ReLUs is that of its linear pieces; what happens where units switch
// has no part in it. A finite difference sees both, however small the step: fewer units switch, but what they
// contribute is divided by the step. Frozen, none switches.
#pragma once

#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <map>
#include <vector>

namespace assay {

// Freezes ReLU, ReLU6, leaky ReLU, h-sigmoid and h-swish; the others are smooth.
class FrozenActivations {
 public:
  explicit FrozenActivations(const Network& network);

  // What to execute instead of the network, operator by operator: here these activations are identities, and
  // the taps below do their work.
  const Network& opened() const { return opened_; }
  // The activations; forward and gradient taps must show them.
  const std::vector<OpId>& ops() const { return ops_; }

  // The next forward pass decides on the pieces.
  void release() { pieces_.clear(); }
  // Do nothing for other operators.
  void see_output(OpId op, TensorView& output);
  void see_gradient(OpId op, TensorView& gradient) const;

 private:
  const Network& network_;
  std::vector<OpId> ops_;
  Network opened_;
  std::map<OpId, std::vector<std::uint8_t>> pieces_;  // of every stored float
  std::map<OpId, const float*> outputs_;  // what the forward tap left, valid until it is called again
};

}  // namespace assay
