// The backward half of lowering.
//
// The gradient of a tensor is a list of contributions, one per consumer, summed only where it is used.
// Buffers are written once, so an addition passes its gradient on to its inputs without copying. Only a
// tapped gradient gets a buffer of its own, because the tap may overwrite it.
#pragma once

#include "lowering.hpp"

#include <functional>
#include <vector>

namespace assay {

class Backward {
 public:
  explicit Backward(Lowering& lowering);
  void emit();

 private:
  struct Contribution {
    BufferId buffer;
    bool exclusive;  // read for this tensor only
  };

  void find_wanted();
  void emit(const Group& group);
  void emit_contraction(const Group& group);
  void emit_affine_sum(const Group& group);
  void emit_layer_norm(const Group& group, BufferId dy);
  void emit_other(const Group& group, BufferId dy);
  void settle(OpId tensor);
  BufferId gathered(OpId tensor, const Extent& extent, std::optional<ActivationFunction> activation,
                    BufferId y);
  BufferId contribute(OpId tensor);
  void emit_deferred();
  bool wanted(OpId tensor) const { return wanted_[Lowering::index(tensor)]; }
  Extent extent_of(OpId tensor) const { return Extent::blocked(l_.network().shape(tensor)); }

  Lowering& l_;
  Program& program_;
  std::vector<bool> wanted_;                              // by tensor: somebody asks for its gradient
  std::vector<std::vector<Contribution>> contributions_;  // by tensor
  std::vector<std::function<void()>> deferred_;           // weight gradients, which interrupt a segment
};

}  // namespace assay
