#include "topology.hpp"

#include "blocks.hpp"

#include <algorithm>

namespace assay {

std::vector<int> levels(const Network& network) {
  std::vector<int> level(static_cast<std::size_t>(network.size()), 0);
  const auto at = [&](OpId id) -> int& { return level[static_cast<std::size_t>(id)]; };
  for (OpId id = 1; id < network.size(); ++id) {
    for (const OpId input : feature_inputs(network, id)) at(id) = std::max(at(id), at(input));
    at(id) += is_weighted(network.op(id));
  }
  return level;
}

std::vector<bool> before_classifier(const Network& network) {
  std::vector<bool> before(static_cast<std::size_t>(network.size()), false);
  before[static_cast<std::size_t>(feature_output(network))] = true;
  for (OpId id = feature_output(network); id > 0; --id)
    if (before[static_cast<std::size_t>(id)])
      for (const OpId input : feature_inputs(network, id)) before[static_cast<std::size_t>(input)] = true;
  return before;
}

std::vector<Stage> stages(const Network& network) {
  const std::vector<bool> before = before_classifier(network);
  std::vector<Stage> stages;
  std::vector<std::size_t> stage_of(before.size());
  std::vector<int> level(before.size(), 0);  // weighted operators of the stage behind each operator
  for (OpId id = 0; id < network.size(); ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (!before[i]) continue;
    const Shape shape = network.shape(id);
    const auto same = [&](const Stage& each) {
      return each.height == shape.height && each.width == shape.width;
    };
    auto stage = std::ranges::find_if(stages, same);
    if (stage == stages.end())
      stage = stages.insert(stages.end(), Stage{.height = shape.height, .width = shape.width});
    stage_of[i] = static_cast<std::size_t>(stage - stages.begin());
    if (id == 0) continue;

    const auto inputs = feature_inputs(network, id);
    const auto level_of = [&](OpId input) {
      const auto j = static_cast<std::size_t>(input);
      return stage_of[j] == stage_of[i] ? level[j] : 0;
    };
    for (const OpId input : inputs) level[i] = std::max(level[i], level_of(input));
    if (const OpKind kind = network.op(id).kind; kind == OpKind::add || kind == OpKind::concat)
      for (const OpId input : inputs)
        if (level_of(input) < level[i]) stage->skipping += network.shape(input).channels;
    if (is_weighted(network.op(id))) {
      ++level[i];
      stage->channels += shape.channels;
    }
    stage->depth = std::max(stage->depth, level[i]);
  }
  return stages;
}

}  // namespace assay
