#include "assay/explain/explanation.hpp"

#include "assay/accelerator/subgraph_text.hpp"
#include "assay/base/error.hpp"
#include "assay/estimate/advice.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/explain/memory_steps.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

FusionRules common_fusion() {
  FusionRules rules;
  for (const Activation activation : {Activation::relu, Activation::relu6, Activation::leaky_relu})
    rules.activations |= 1u << static_cast<int>(activation);
  return rules;
}

std::string shape_text(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

std::string operator_text(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  switch (op.kind) {
    case OpKind::convolution: {
      const int channels = network.shape(network.inputs(id)[0]).channels;
      return op.groups > 1 && op.groups == channels ? "dwconv" : "conv";
    }
    case OpKind::transposed_convolution:
      return "conv^T";
    case OpKind::batch_norm:
      return "bn";
    case OpKind::activation:
      return std::string(to_string(op.activation));
    default:
      return std::string(to_string(op.kind));
  }
}

// Kernel and stride of what has a window.
std::string window_text(const Subgraph& s) {
  if (!s.is_windowed()) return "";
  const auto pair = [](char letter, int h, int w) {
    return h == w ? fmt::format(" {}{}", letter, h) : fmt::format(" {}{}x{}", letter, h, w);
  };
  std::string text = pair('k', s.kernel_h, s.kernel_w) + pair('s', s.stride_h, s.stride_w);
  if (s.dilation_h > 1 || s.dilation_w > 1) text += pair('d', s.dilation_h, s.dilation_w);
  if (s.groups > 1 && !s.is_depthwise()) text += fmt::format(" g{}", s.groups);
  return text;
}

void sort_unique(std::vector<int>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

int depth_of(const Network& network) {
  std::vector<int> depth(static_cast<std::size_t>(network.size()), 0);
  for (OpId id = 1; id < network.size(); ++id) {
    int deepest = 0;
    for (const OpId input : network.inputs(id))
      deepest = std::max(deepest, depth[static_cast<std::size_t>(input)]);
    depth[static_cast<std::size_t>(id)] = deepest + 1;
  }
  return depth[static_cast<std::size_t>(network.output())];
}

// What each subgraph is; nothing about time.
std::vector<ExplainedSubgraph> describe_subgraphs(const Network& network, SubgraphSplitter& splitter,
                                                  int bytes_per_element) {
  const std::span<const SubgraphInstance> instances = splitter.split(network);
  const std::span<const std::int32_t> membership = splitter.membership();
  std::vector<ExplainedSubgraph> parts(instances.size());
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const Subgraph& subgraph = instances[i].subgraph;
    ExplainedSubgraph& part = parts[i];
    part.name = network.name(instances[i].first);
    part.kind = to_string(kind_of(subgraph));
    part.shape = fmt::format("{} -> {}{}", shape_text(subgraph.input), shape_text(subgraph.output),
                             window_text(subgraph));
    part.brief = operation_text(subgraph) + " " + size_text(subgraph);
    part.output = network.shape(instances[i].last);
    part.output_bytes = part.output.elements() * bytes_per_element;
  }
  // Per operator, the subgraphs that made its output (-1: the network's input): its own, or, of what takes no
  // time, those of its inputs.
  std::vector<std::vector<int>> sources(static_cast<std::size_t>(network.size()), {-1});
  for (OpId id = 1; id < network.size(); ++id) {
    std::vector<int> read;
    for (const OpId input : network.inputs(id)) {
      const std::vector<int>& from = sources[static_cast<std::size_t>(input)];
      read.insert(read.end(), from.begin(), from.end());
    }
    sort_unique(read);
    const std::int32_t owner = membership[static_cast<std::size_t>(id)];
    if (owner < 0) {
      sources[static_cast<std::size_t>(id)] = std::move(read);
      continue;
    }
    sources[static_cast<std::size_t>(id)] = {owner};
    ExplainedSubgraph& part = parts[static_cast<std::size_t>(owner)];
    part.operators += (part.operators.empty() ? "" : "+") + operator_text(network, id);
    part.params += network.parameters(id);
    part.macs += network.macs(id);
    std::erase(read, owner);
    part.inputs.insert(part.inputs.end(), read.begin(), read.end());
  }
  for (ExplainedSubgraph& part : parts) sort_unique(part.inputs);
  return parts;
}

void add_latencies(NetworkExplanation& explanation, const Network& network, const Estimator& estimator) {
  const Prediction total = estimator.predict(network);
  explanation.latency_ms = total.latency_ms;
  explanation.latency_low_ms = total.latency_low_ms;
  explanation.latency_high_ms = total.latency_high_ms;
  explanation.extrapolated = total.extrapolated;
  explanation.lane_efficiency = 0;
  const std::vector<SubgraphPrediction> predictions = estimator.explain(network);
  if (predictions.size() != explanation.subgraphs.size())
    throw InternalError("An estimator splits a network in another way than its accelerator says.");
  std::unordered_map<std::uint64_t, Advice> known;  // blocks of a stage are often alike
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const SubgraphPrediction& prediction = predictions[i];
    const auto [advice, is_new] = known.try_emplace(prediction.subgraph.key());
    if (is_new) advice->second = advise(estimator, prediction);
    ExplainedSubgraph& part = explanation.subgraphs[i];
    part.latency_ms = prediction.latency_ms;
    part.share = prediction.share;
    part.lane_efficiency = prediction.lane_efficiency;
    part.bound = to_string(prediction.bound);
    part.advice = to_text(advice->second, prediction);
    part.extrapolated = prediction.extrapolated;
    explanation.lane_efficiency += prediction.share * prediction.lane_efficiency;
  }
}

}  // namespace

NetworkExplanation explain_network(const Network& network, const Estimator* estimator) {
  const FusionRules rules = estimator != nullptr ? estimator->accelerator().fusion : common_fusion();
  const MemoryPolicy policy = estimator != nullptr ? estimator->accelerator().memory : MemoryPolicy{};
  const MemoryProfile memory = estimator != nullptr ? memory_profile(estimator->accelerator(), network)
                                                    : memory_profile(network, policy);
  SubgraphSplitter splitter(rules);
  NetworkExplanation explanation;
  explanation.input_shape = shape_text(network.input_shape());
  explanation.output_shape = shape_text(network.output_shape());
  explanation.operators = network.size() - 1;  // the input is none
  explanation.depth = depth_of(network);
  explanation.params = network.parameters();
  explanation.macs = network.macs();
  explanation.peak_memory_bytes = memory.peak_bytes;
  explanation.peak_name = network.name(memory.peak_op);
  explanation.subgraphs = describe_subgraphs(network, splitter, policy.bytes_per_element);
  for (const MemoryStep& step : memory_by_subgraph(splitter.membership(), memory)) {
    explanation.memory.push_back(
        {std::string(network.name(step.op)), std::string(network.name(step.last)), step.live_bytes});
  }
  if (estimator != nullptr) add_latencies(explanation, network, *estimator);
  return explanation;
}

}  // namespace assay
