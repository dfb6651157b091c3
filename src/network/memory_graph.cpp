#include "memory_graph.hpp"

#include <algorithm>

namespace assay {
namespace {

// The patches of a convolution that is computed as a matrix product: of the pixels that it multiplies, those
// of its output, taps x input channels; a transposed one has taps x output channels of its input's pixels to
// add up.
std::int64_t patch_bytes(const Network& network, const MemoryPolicy& policy, OpId id) {
  const Operator& op = network.op(id);
  const bool transposed = op.kind == OpKind::transposed_convolution;
  if (op.kind != OpKind::convolution && !transposed) return 0;
  const Window& w = op.window;
  const std::int64_t taps = std::int64_t{w.kernel_h} * w.kernel_w;
  if (taps == 1 && w.stride_h == 1 && w.stride_w == 1) return 0;
  const Shape& in = network.shape(network.inputs(id)[0]);
  const Shape& out = network.shape(id);
  const Shape& walked = transposed ? in : out;
  const std::int64_t channels = (transposed ? out : in).channels / op.groups;
  const std::int64_t pixels =
      std::min<std::int64_t>(policy.im2col_pixels, std::int64_t{walked.height} * walked.width);
  return pixels * taps * channels * policy.bytes_per_element;
}

// With the partial sums of a convolution or linear operator.
std::int64_t scratch_bytes(const Network& network, const MemoryPolicy& policy, OpId id) {
  if (network.macs(id) == 0) return 0;
  std::int64_t bytes = patch_bytes(network, policy, id);
  if (policy.partial_sum_bytes > 0) {
    const Shape& out = network.shape(id);
    const std::int64_t rows =
        policy.partial_sum_rows == 0 ? out.height : std::min(policy.partial_sum_rows, out.height);
    bytes += policy.partial_sum_bytes * rows * out.width * out.channels;
  }
  return bytes;
}

}  // namespace

bool is_elementwise(OpKind kind) {
  return kind == OpKind::activation || kind == OpKind::batch_norm || kind == OpKind::add ||
         kind == OpKind::multiply || kind == OpKind::softmax || kind == OpKind::layer_norm;
}

void MemoryGraph::read_inputs(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
                              OpId op, OpId last) {
  const OpKind kind = network.op(op).kind;
  const bool joins = kind == OpKind::concat && fused.concat && op == last;
  const bool elementwise = policy.in_place && is_elementwise(kind);
  for (const OpId input : network.inputs(op)) {
    if (!fused.last.empty() && input != last && fused.last[input] == last) continue;  // within the subgraph
    const std::int32_t from = step_of_[input];
    const bool overwritable = joins || (elementwise && network.shape(input) == network.shape(last));
    auto known = all_reads.begin() + first_read.back();
    while (known != all_reads.end() && known->step != from) ++known;
    if (known == all_reads.end()) {
      all_reads.push_back({from, op, overwritable});
    } else {
      known->overwritable = known->overwritable && overwritable;
      known->by = std::min(known->by, op);
    }
  }
}

void MemoryGraph::build(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
                        std::span<const std::int64_t> buffer_bytes) {
  const auto n = static_cast<std::size_t>(network.size());
  const bool alone = fused.last.empty();
  const bool scratch = policy.im2col_pixels > 0 || policy.partial_sum_bytes > 0;
  steps.clear();
  all_reads.clear();
  first_read.assign(1, 0);
  step_of_.resize(n);
  if (!alone) {
    member_before_.resize(n);
    newest_member_.assign(n, -1);
  }
  for (OpId id = 0; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    // Other names for what lies in memory already. Of several outputs the first stands for all.
    if (op.kind == OpKind::flatten || (op.kind == OpKind::outputs && id == network.output())) {
      step_of_[id] = step_of_[network.inputs(id)[0]];
      continue;
    }
    const OpId last = alone ? id : fused.last[id];
    if (!alone) {
      member_before_[id] = newest_member_[last];
      newest_member_[last] = id;
      if (last != id) continue;
    }
    step_of_[id] = size();
    Step& step = steps.emplace_back();
    step.last = id;
    step.bytes = network.shape(id).elements() * policy.bytes_per_element;
    step.joins = op.kind == OpKind::concat && fused.concat;
    for (OpId member = id; member >= 0; member = alone ? -1 : member_before_[member]) {
      step.op = member;
      if (scratch) step.scratch = std::max(step.scratch, scratch_bytes(network, policy, member));
      read_inputs(network, policy, fused, member, id);
    }
    if (!buffer_bytes.empty()) step.scratch += buffer_bytes[id];
    first_read.push_back(static_cast<std::int32_t>(all_reads.size()));
  }
  uses.assign(steps.size(), 0);
  for (const Read& read : all_reads) ++uses[read.step];
  // The caller reads them at the end.
  const OpId output = network.output();
  if (network.op(output).kind == OpKind::outputs) {
    for (const OpId result : network.inputs(output)) ++uses[step_of_[result]];
  } else {
    ++uses[step_of_[output]];
  }
}

}  // namespace assay
