// remove_block: of residual blocks in a row, which refine the same features (Greff et al., ICLR 2017,
// "Highway and Residual Networks Learn Unrolled Iterative Estimation"), the last one is missed least.
#include "structure.hpp"

#include <map>

#include <fmt/format.h>

namespace assay {
namespace {

// Whether `id` is computed from `source`, which comes before it.
bool depends_on(const Network& network, OpId id, OpId source) {
  std::vector<char> reached(static_cast<std::size_t>(id) + 1, 0);
  reached[id] = 1;
  for (OpId at = id; at > source; --at) {
    if (reached[at] == 0) continue;
    for (const OpId input : network.inputs(at)) reached[input] = 1;
  }
  return reached[source] != 0;
}

}  // namespace

void find_removable_blocks(const Structure& structure, Steps& steps) {
  const Network& network = structure.network();
  struct Residual {
    OpId sum = 0, shortcut = 0;
  };
  std::map<int, std::vector<Residual>> by_width;  // sums that share their channels stand in a row
  for (OpId id = 1; id < network.size(); ++id) {
    if (!structure.live(id) || network.op(id).kind != OpKind::add || network.inputs(id).size() != 2) continue;
    OpId shortcut = network.inputs(id)[0], branch = network.inputs(id)[1];
    if (shortcut > branch) std::swap(shortcut, branch);
    if (shortcut == 0 || shortcut == branch || !depends_on(network, branch, shortcut)) continue;
    by_width[structure.widths().group_of(id)].push_back({id, shortcut});
  }
  std::map<OpId, RewriteStep> found;  // in the order of the network
  for (const auto& [group, residuals] : by_width) {
    const auto [sum, shortcut] = residuals.back();
    RewriteStep step{
        .kind = RewriteKind::remove_block, .site = structure.site(sum), .value = {}, .what = {}, .edit = {}};
    step.edit.bypassed.push_back({sum, shortcut});
    // ResNet's activation behind the sum: the shortcut went through the same one already.
    const OpId next = structure.read_once(sum) ? structure.reader(sum) : 0;
    if (next > 0 && network.op(next).kind == OpKind::activation && network.op(next) == network.op(shortcut))
      step.edit.bypassed.push_back({next, sum});
    step.what = fmt::format("the last of {} residual block{} on {} channels goes", residuals.size(),
                            residuals.size() == 1 ? "" : "s", network.shape(sum).channels);
    found.emplace(sum, std::move(step));
  }
  for (auto& [sum, step] : found) steps.push_back(std::move(step));
}

}  // namespace assay
