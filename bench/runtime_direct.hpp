// The yardstick for the runtime: a network's operators called directly on oneDNN, one primitive after the
// other, as a user who knows oneDNN would. Everything is created before the first run: blocked layouts chosen
// by the convolutions (format_tag::any), reorders at the edges, one stream, one user scratchpad, tensors on
// huge pages.
//
// Fused are batch norm and ReLU and, for inference, what can join a convolution: batch norm in its weights,
// the activation and the addition as post-operations. Elementwise operators run in place where the tensor has
// no other use.
#pragma once

#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include "runtime_calls.hpp"

#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace assay {

enum class Pass {
  inference,  // running statistics, folded
  forward,    // batch statistics
  data,       // forward, and backward to the input
  weights,    // forward, and backward to the input and all parameters
};

class Direct : private CallList {
 public:
  // The value of a parameter in plain layout.
  using ParameterSource = std::function<std::vector<float>(OpId op, ParameterRole role)>;

  // Convolution without bias, batch norm, ReLU, ReLU6, average pooling and add only.
  Direct(const Network& network, Pass pass, int batch, ParameterSource parameter);

  std::span<float> input() { return floats(input_); }
  std::span<float> output_gradient() { return floats(output_gradient_); }
  std::span<const float> output() const { return floats(output_); }
  std::span<const float> input_gradient() const { return floats(input_gradient_); }
  std::vector<float> gradient(OpId op, ParameterRole role);  // plain

  using CallList::run;

 private:
  dnnl::memory upload(OpId op, ParameterRole role);
  Layout tensor(OpId id, dnnl::memory::format_tag tag) const;
  Layout blocked(OpId id) const;

  bool trains() const { return pass_ == Pass::data || pass_ == Pass::weights; }
  OpId only_consumer(OpId id, OpKind kind) const;
  dnnl::memory elementwise_target(OpId source);
  dnnl::memory accumulator(OpId convolution, OpId add);
  std::vector<float> fold(OpId norm, std::vector<float>& weights) const;

  void forward(OpId id);
  void forward_convolution(OpId id);
  void forward_batch_norm(OpId id);
  void backward(OpId id);
  void backward_convolution(OpId id, const dnnl::memory& gradient);
  void backward_batch_norm(OpId id, const dnnl::memory& gradient);

  const Network& network_;
  Pass pass_;
  int batch_;
  ParameterSource parameter_;
  std::vector<std::vector<OpId>> consumers_;

  dnnl::memory input_, output_, output_gradient_, input_gradient_;
  std::vector<dnnl::memory> value_;  // per operator; empty where fused into the next one
  std::vector<bool> done_;           // fused into an earlier operator
  // Of an add: the inputs that convolutions have already added up, in value_.
  std::map<OpId, std::vector<OpId>> joined_;
  std::vector<std::vector<dnnl::memory>> contributions_;  // per operator: gradients from its consumers
  std::map<OpId, dnnl::convolution_forward::primitive_desc> convolutions_;
  std::map<OpId, dnnl::batch_normalization_forward::primitive_desc> norms_;
  std::map<OpId, dnnl::pooling_forward::primitive_desc> pools_;
  std::map<OpId, Arguments> arguments_;  // of the forward call, for the backward one
  std::map<std::pair<OpId, ParameterRole>, dnnl::memory> gradients_;
};

}  // namespace assay
