// fuse_ibn and dense_convolution: depthwise convolutions leave the input-channel lanes of a matrix unit idle;
// dense ones do more work, and sometimes in less time.
#include "structure.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

bool is_depthwise(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  return op.kind == OpKind::convolution && op.groups > 1 &&
         op.groups == network.shape(network.inputs(id)[0]).channels;
}

bool is_pointwise(const Operator& op) {
  const Window& w = op.window;
  return op.kind == OpKind::convolution && op.groups == 1 && w.kernel_h == 1 && w.kernel_w == 1 &&
         w.stride_h == 1 && w.stride_w == 1 && (w.pad_top | w.pad_bottom | w.pad_left | w.pad_right) == 0;
}

std::string kernel(const Window& w) {
  return fmt::format("{}x{}", w.kernel_h, w.kernel_w);
}

}  // namespace

void find_fusable_ibns(const Structure& structure, Steps& steps) {
  const Network& network = structure.network();
  for (OpId id = 1; id < network.size(); ++id) {
    const Operator& depthwise = network.op(id);
    if (!structure.live(id) || !is_depthwise(network, id)) continue;
    if (depthwise.window.kernel_h * depthwise.window.kernel_w == 1) continue;
    // Batch norm and activation between the two, which nobody else reads.
    std::vector<OpId> between;
    OpId x = network.inputs(id)[0];
    while (structure.read_once(x) &&
           (network.op(x).kind == OpKind::batch_norm || network.op(x).kind == OpKind::activation)) {
      between.push_back(x);
      x = network.inputs(x)[0];
    }
    if (x == 0 || !structure.read_once(x) || !is_pointwise(network.op(x))) continue;
    const OpId source = network.inputs(x)[0];
    const int narrow = network.shape(source).channels;
    if (network.op(x).channels < narrow) continue;  // a bottleneck, not an expansion

    RewriteStep step{
        .kind = RewriteKind::fuse_ibn, .site = structure.site(id), .value = {}, .what = {}, .edit = {}};
    Operator dense = depthwise;
    dense.groups = 1;
    step.edit.replaced.push_back({id, dense});
    step.edit.bypassed.push_back({x, source});
    for (const OpId passed : between) step.edit.bypassed.push_back({passed, network.inputs(passed)[0]});
    step.edit.renamed.push_back({id, std::string(network.name(x))});
    step.what = fmt::format("1x1 expansion {}->{} and {} depthwise become one {} convolution {}->{}", narrow,
                            network.op(x).channels, kernel(depthwise.window), kernel(depthwise.window),
                            narrow, depthwise.channels);
    steps.push_back(std::move(step));
  }
}

void find_dense_convolutions(const Structure& structure, Steps& steps) {
  const Network& network = structure.network();
  for (OpId id = 1; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    if (!structure.live(id) || op.kind != OpKind::convolution || op.groups == 1) continue;
    RewriteStep step{.kind = RewriteKind::dense_convolution,
                     .site = structure.name(id),
                     .value = {},
                     .what = {},
                     .edit = {}};
    Operator dense = op;
    dense.groups = 1;
    step.edit.replaced.push_back({id, dense});
    const std::string was =
        is_depthwise(network, id) ? "depthwise" : fmt::format("{} groups of the", op.groups);
    step.what = fmt::format("{} {} convolution {}->{} becomes dense", was, kernel(op.window),
                            network.shape(network.inputs(id)[0]).channels, op.channels);
    steps.push_back(std::move(step));
  }
}

}  // namespace assay
