// align_channels, even_channels and depth_multiplier: other widths, always of whole width groups.
#include "structure.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

namespace assay {
namespace {

using Group = WidthGroups::Group;
using Change = WidthGroups::Change;

// Rounded to multiples of the lanes, or of fewer channels where the lanes are more than there are.
int unit_of(const Group& group, int lanes) {
  const std::int64_t unit = std::lcm(std::int64_t{lanes}, std::int64_t{group.step});
  return unit <= group.channels ? static_cast<int>(unit) : group.step;
}

std::string range_text(int from, int to) {
  return fmt::format("{}->{}", from, to);
}

// The inner width of a squeeze-excite gate, a few channels of a single pixel.
bool inside_gate(const Structure& structure, const Group& group) {
  return std::ranges::all_of(group.producers, [&](OpId id) {
    const Shape shape = structure.network().shape(id);
    return shape.height == 1 && shape.width == 1 && structure.stride(id) != 0;
  });
}

std::vector<int> free_groups(const Structure& structure) {
  std::vector<int> free;
  const auto groups = structure.widths().groups();
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (!groups[g].fixed && structure.live(groups[g].producers[0])) free.push_back(static_cast<int>(g));
  return free;
}

}  // namespace

void find_channel_alignments(const Structure& structure, int lanes, Steps& steps) {
  if (lanes < 2) return;
  const WidthGroups& widths = structure.widths();
  for (const int g : free_groups(structure)) {
    const Group& group = widths.groups()[g];
    const std::int64_t unit = std::lcm(std::int64_t{lanes}, std::int64_t{group.step});
    if (group.channels % lanes == 0 || inside_gate(structure, group)) continue;
    const std::int64_t down = group.channels / unit * unit, up = down + unit;
    // More than twice the channels is no alignment any more.
    for (const std::int64_t target : {down, up > 2 * group.channels ? 0 : up}) {
      if (target == 0) continue;
      const Change change{g, static_cast<int>(target)};
      steps.push_back({.kind = RewriteKind::align_channels,
                       .site = structure.name(group.producers[0]),
                       .value = std::to_string(target),
                       .what = fmt::format("{} channels {}, a multiple of {} lanes",
                                           group.producers.size() > 1
                                               ? fmt::format("{} tied convolutions:", group.producers.size())
                                               : std::string("width"),
                                           range_text(group.channels, change.channels), lanes),
                       .edit = widths.resize({&change, 1})});
    }
  }
}

void find_depth_multipliers(const Structure& structure, int lanes, Steps& steps) {
  constexpr std::array ratios = {0.75, 0.875, 1.125, 1.25};
  const WidthGroups& widths = structure.widths();
  const std::vector<int> free = free_groups(structure);
  const auto add = [&](const std::string& site, std::span<const int> chosen) {
    for (const double ratio : ratios) {
      std::vector<Change> changes;
      for (const int g : chosen) {
        const Group& group = widths.groups()[g];
        const int unit = unit_of(group, lanes);
        const int rounded = std::max(1, static_cast<int>(std::lround(ratio * group.channels / unit))) * unit;
        const int target = ratio < 1 ? std::min(rounded, group.channels / group.step * group.step)
                                     : std::max(rounded, group.channels);
        if (target != group.channels) changes.push_back({g, target});
      }
      if (changes.empty()) continue;
      const Group& first = widths.groups()[changes[0].group];
      steps.push_back({.kind = RewriteKind::depth_multiplier,
                       .site = site,
                       .value = fmt::format("{}", ratio),
                       .what = fmt::format("{} width{} times {} in multiples of {}, first {}", changes.size(),
                                           changes.size() == 1 ? "" : "s", ratio, lanes,
                                           range_text(first.channels, changes[0].channels)),
                       .edit = widths.resize(changes)});
    }
  };
  if (free.empty()) return;
  add("network", free);
  std::map<int, std::vector<int>> by_stage;
  for (const int g : free) by_stage[structure.stride(widths.groups()[g].producers[0])].push_back(g);
  if (by_stage.size() < 2) return;
  for (const int stride : structure.strides())
    if (by_stage.contains(stride)) add(stage_name(stride), by_stage[stride]);
}

void find_even_channels(const Structure& structure, int lanes, Steps& steps) {
  const Network& network = structure.network();
  const WidthGroups& widths = structure.widths();
  // By stage: what leaves blocks, and what their convolutions over several pixels work on inside.
  std::map<int, std::set<int>> outputs, inner;
  const auto add_output = [&](OpId id) {
    if (const int g = widths.group_of(id); g >= 0) outputs[structure.stride(id)].insert(g);
  };
  for (const BlockMark& mark : network.blocks()) add_output(mark.output);
  // A network from a file does not say where its blocks end; residual ones end with a sum.
  for (OpId id = 1; id < network.size(); ++id)
    if (network.blocks().empty() && structure.live(id) && network.op(id).kind == OpKind::add) add_output(id);
  for (OpId id = 1; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    if (!structure.live(id) || op.kind != OpKind::convolution) continue;
    if (op.window.kernel_h * op.window.kernel_w == 1) continue;
    const int stride = structure.stride(id);
    if (const int g = widths.group_of(id); g >= 0 && !outputs[stride].contains(g)) inner[stride].insert(g);
  }
  const auto macs_at = [&](const std::vector<int>& chosen, int channels) {
    std::vector<Change> changes;
    for (const int g : chosen) changes.push_back({g, channels});
    return apply(network, widths.resize(changes)).macs();
  };
  const auto add = [&](const std::string& site, const std::set<int>& candidates, const char* role) {
    std::vector<int> chosen;
    std::int64_t unit = lanes;
    int low = std::numeric_limits<int>::max(), high = 0;
    for (const int g : candidates) {
      const Group& group = widths.groups()[g];
      if (group.fixed || !structure.live(group.producers[0])) continue;
      chosen.push_back(g);
      unit = std::lcm(unit, std::int64_t{group.step});
      low = std::min(low, group.channels);
      high = std::max(high, group.channels);
    }
    if (chosen.size() < 2 || low == high || unit > high) return;
    // The work grows with the width: halve the range of multiples until the nearest to today's is found.
    int first = std::max(1, static_cast<int>(low / unit)), last = static_cast<int>((high + unit - 1) / unit);
    const std::int64_t today = network.macs();
    while (last - first > 1) {
      const int middle = (first + last) / 2;
      (macs_at(chosen, middle * static_cast<int>(unit)) <= today ? first : last) = middle;
    }
    const auto distance = [&](int multiple) {
      return std::abs(macs_at(chosen, multiple * static_cast<int>(unit)) - today);
    };
    const int width = (distance(first) <= distance(last) ? first : last) * static_cast<int>(unit);
    std::vector<Change> changes;
    std::vector<int> before;
    for (const int g : chosen) {
      const int channels = widths.groups()[g].channels;
      before.push_back(channels);
      if (channels != width) changes.push_back({g, width});
    }
    std::ranges::sort(before);
    before.erase(std::ranges::unique(before).begin(), before.end());
    if (changes.empty()) return;
    steps.push_back({.kind = RewriteKind::even_channels,
                     .site = site,
                     .value = fmt::format("{}:{}", role, width),
                     .what = fmt::format("{} widths {} become {} at about the same work", role,
                                         fmt::join(before, ", "), width),
                     .edit = widths.resize(changes)});
  };
  for (const int stride : structure.strides()) {
    if (outputs.contains(stride)) add(stage_name(stride), outputs[stride], "output");
    if (inner.contains(stride)) add(stage_name(stride), inner[stride], "inner");
  }
}

}  // namespace assay
