#include "assay/rewrite/rewrite.hpp"

#include "structure.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::array<std::string_view, rewrite_kind_count> kind_names = {
    "fuse_ibn",           "dense_convolution", "align_channels",   "even_channels",    "drop_squeeze_excite",
    "replace_activation", "remove_block",      "depth_multiplier", "reduce_resolution"};

}  // namespace

std::string_view to_string(RewriteKind kind) {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::optional<RewriteKind> rewrite_kind_from(std::string_view name) {
  const auto found = std::ranges::find(kind_names, name);
  if (found == kind_names.end()) return std::nullopt;
  return static_cast<RewriteKind>(found - kind_names.begin());
}

std::span<const std::string_view> rewrite_kind_names() {
  return kind_names;
}

std::string RewriteStep::text() const {
  return fmt::format("{} {}{}{}", to_string(kind), site, value.empty() ? "" : "=", value);
}

std::vector<RewriteStep> find_steps(const Network& network, const Estimator& estimator) {
  const Structure structure(network);
  const int lanes = channel_lanes(estimator);
  Steps steps;
  find_fusable_ibns(structure, steps);
  find_dense_convolutions(structure, steps);
  find_channel_alignments(structure, lanes, steps);
  find_even_channels(structure, lanes, steps);
  find_squeeze_excites(structure, estimator, steps);
  find_activations(structure, estimator.accelerator().fusion, steps);
  find_removable_blocks(structure, steps);
  find_depth_multipliers(structure, lanes, steps);
  find_resolutions(structure, steps);
  // Several gates in one block, say.
  std::unordered_map<std::string, int> times;
  for (RewriteStep& step : steps) {
    const int count = ++times[step.text()];
    if (count > 1) step.site += fmt::format("#{}", count);
  }
  return steps;
}

std::vector<OperatorPlace> places_of(const Network& network) {
  const Structure structure(network);
  std::vector<OperatorPlace> places;
  for (OpId id = 0; id < network.size(); ++id)
    places.push_back({structure.name(id), structure.block(id), stage_name(structure.stride(id))});
  return places;
}

std::vector<OpId> touched_operators(const Network& network, const RewriteStep& step) {
  std::vector<OpId> touched;
  for (const Edit::Replacement& replaced : step.edit.replaced) touched.push_back(replaced.op);
  for (const Edit::Bypass& bypass : step.edit.bypassed) touched.push_back(bypass.op);
  // And what nobody reads any more.
  std::vector<int> readers(static_cast<std::size_t>(network.size()), 0);
  readers[network.output()] = 1;
  for (OpId id = 1; id < network.size(); ++id)
    for (const OpId input : network.inputs(id)) ++readers[input];
  std::vector<OpId> gone;
  for (const Edit::Bypass& bypass : step.edit.bypassed) gone.push_back(bypass.op);
  for (const Edit::Bypass& bypass : step.edit.bypassed) ++readers[bypass.stand_in];
  while (!gone.empty()) {
    const OpId id = gone.back();
    gone.pop_back();
    for (const OpId input : network.inputs(id)) {
      if (--readers[input] > 0 || input == 0) continue;
      if (std::ranges::find(touched, input) != touched.end()) continue;
      touched.push_back(input);
      gone.push_back(input);
    }
  }
  std::ranges::sort(touched);
  return touched;
}

int channel_lanes(const Estimator& estimator) {
  // Below that a lane more or less is hardly noticed.
  constexpr double noticeable = 0.25;
  constexpr std::int64_t most = 128;
  std::int64_t lanes = 1, largest = 1;
  for (const LaneFinding& finding : estimator.lanes()) {
    if (finding.kind != SubgraphKind::convolution || finding.softness < noticeable) continue;
    if (finding.dimension != "input channels" && finding.dimension != "output channels") continue;
    lanes = std::lcm(lanes, std::int64_t{finding.lanes});
    largest = std::max(largest, std::int64_t{finding.lanes});
  }
  return static_cast<int>(lanes <= most ? lanes : largest);
}

}  // namespace assay
