#include "assay/rewrite/edit.hpp"

#include "assay/network/builder.hpp"

#include <algorithm>

namespace assay {
namespace {

constexpr OpId unmade = -1;

// The edit, by operator.
class Plan {
 public:
  Plan(const Network& network, const Edit& edit)
      : network_(network),
        stand_in_(static_cast<std::size_t>(network.size()), unmade),
        replaced_(static_cast<std::size_t>(network.size()), nullptr),
        names_(static_cast<std::size_t>(network.size()), nullptr) {
    for (const Edit::Bypass& bypass : edit.bypassed) stand_in_[bypass.op] = bypass.stand_in;
    for (const Edit::Replacement& replacement : edit.replaced)
      replaced_[replacement.op] = &replacement.attributes;
    for (const Edit::Renaming& renaming : edit.renamed) names_[renaming.op] = &renaming.name;
  }

  bool bypassed(OpId id) const { return stand_in_[id] != unmade; }
  // What stands for the operator in the end.
  OpId resolve(OpId id) const {
    while (bypassed(id)) id = stand_in_[id];
    return id;
  }
  const Operator& attributes(OpId id) const {
    return replaced_[id] != nullptr ? *replaced_[id] : network_.op(id);
  }
  std::string_view name(OpId id) const {
    return names_[id] != nullptr ? std::string_view(*names_[id]) : network_.name(id);
  }

  std::vector<char> live() const {
    std::vector<char> live(static_cast<std::size_t>(network_.size()), 0);
    live[resolve(network_.output())] = 1;
    for (OpId id = network_.size() - 1; id > 0; --id) {
      if (live[id] == 0) continue;
      for (const OpId input : network_.inputs(id)) live[resolve(input)] = 1;
    }
    return live;
  }

 private:
  const Network& network_;
  std::vector<OpId> stand_in_;
  std::vector<const Operator*> replaced_;
  std::vector<const std::string*> names_;
};

}  // namespace

Network apply(const Network& network, const Edit& edit) {
  const Plan plan(network, edit);
  const std::vector<char> live = plan.live();
  NetworkBuilder builder(edit.input.value_or(network.input_shape()), network.title());
  std::vector<OpId> made(static_cast<std::size_t>(network.size()), unmade);
  made[0] = 0;
  std::vector<OpId> inputs;
  for (OpId id = 1; id < network.size(); ++id) {
    if (live[id] == 0 || plan.bypassed(id)) continue;
    inputs.clear();
    for (const OpId input : network.inputs(id)) inputs.push_back(made[plan.resolve(input)]);
    made[id] = builder.add(plan.attributes(id), inputs, plan.name(id));
  }
  const auto marked = [&](OpId id) {
    return std::ranges::any_of(network.blocks(), [&](const BlockMark& block) { return block.output == id; });
  };
  for (const BlockMark& block : network.blocks()) {
    const OpId output = plan.resolve(block.output);
    const bool gone = output != block.output && marked(output);
    if (!gone && made[output] != unmade) builder.mark_block(made[output], block.name);
  }
  return std::move(builder).finish(made[plan.resolve(network.output())]);
}

}  // namespace assay
