// The state that lowering groups to steps keeps, shared by the forward and the backward half.
#pragma once

#include "compiler.hpp"
#include "kernels.hpp"

#include <map>
#include <optional>
#include <vector>

namespace assay {

// A tensor's buffer.
struct Value {
  BufferId buffer = no_buffer;
  Extent extent;
};

class Lowering {
 public:
  Lowering(const Network& network, const CompileOptions& options, Compiled& compiled);
  void forward();

  const Network& network() const { return network_; }
  const CompileOptions& options() const { return options_; }
  Compiled& compiled() { return compiled_; }
  Program& program() { return program_; }
  const Fusion& fusion() const { return fusion_; }

  static std::size_t index(OpId id) { return static_cast<std::size_t>(id); }
  OpId tensor_of(OpId op) const { return fusion_.tensor_of[index(op)]; }
  // A tensor in channel blocks; the plain network input is packed once, on first use.
  const Value& blocked(OpId tensor);
  const OperatorParameters& parameters(OpId op) const { return parameters_[index(op)]; }
  // Of a transposed convolution, the one that it is the gradient of.
  Contraction contraction_of(const Group& group) const;
  const Value& input_of(const Contraction& contraction, const Group& group);
  LayerNorm layer_norm_of(const Group& group) const;
  std::optional<ActivationFunction> activation_of(const Group& group) const;
  std::vector<AffineTerm> terms_of(const Group& group);
  Program::Scope tap_scope() const {
    return options_.piecewise_taps ? Program::Scope::per_image : Program::Scope::whole_batch;
  }
  // Where the group's activation had its upper slope, if the forward pass notes that.
  BufferId mask_of(const Group& group) const { return masks_[index(group.output)]; }

 private:
  void add_parameters();
  void add_norms();
  void after(OpId tensor);
  float epsilon(OpId norm) const;
  Value& make_value(const Group& group);
  void emit(const Group& group);
  void emit_contraction(const Group& group);
  void emit_affine_sum(const Group& group);

  const Network& network_;
  const CompileOptions& options_;
  Compiled& compiled_;
  Program& program_;
  Fusion fusion_;
  std::vector<Value> values_;    // by tensor
  std::vector<BufferId> masks_;  // by tensor
  Value blocked_input_;
  std::vector<OperatorParameters> parameters_;       // by operator
  std::vector<std::optional<Normalisation>> norms_;  // by batch norm
  std::multimap<OpId, OpId> norms_by_source_;  // with batch statistics: tensor -> batch norms that read it
};

}  // namespace assay
