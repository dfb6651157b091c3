#include "plan.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

namespace assay {
namespace {

// Equal up to what runs backward, which `join` unites.
bool same_forward(ScoreConditions a, const ScoreConditions& b) {
  a.backward = b.backward;
  a.weight_gradients = b.weight_gradients;
  a.input_gradient = b.input_gradient;
  return a == b;
}

bool can_join(const ScoreConditions& score, const ScoreConditions& pass) {
  return same_forward(score, pass) &&
         (score.backward == BackwardSeed::none || score.backward == pass.backward);
}

void join(Pass& pass, const ScoreConditions& score) {
  pass.conditions.weight_gradients |= score.weight_gradients;
  pass.conditions.input_gradient |= score.input_gradient;
}

// Of the backward passes, in units of one.
int cost(const ScoreConditions& conditions) {
  switch (conditions.backward) {
    case BackwardSeed::none:
      return 0;
    case BackwardSeed::each_image:
      return most_single_images * (1 + conditions.weight_gradients);
    case BackwardSeed::sampled_labels:
      return label_draws * (1 + conditions.weight_gradients);
    default:
      return 1 + conditions.weight_gradients;
  }
}

}  // namespace

Plan make_plan(std::span<const std::string> scores) {
  Plan plan;
  for (const std::string& name : scores) {
    const auto entry =
        std::ranges::find(score_entries(), name, [](const ScoreEntry& each) { return each.info.name; });
    if (entry == score_entries().end()) throw InternalError("A score that is not registered was planned.");
    plan.scores.push_back({.entry = &*entry});
  }

  // Scores that run backward first, so that the others find passes to join.
  std::vector<PlannedScore*> executed;
  for (PlannedScore& score : plan.scores)
    if (score.entry->info.conditions) executed.push_back(&score);
  std::ranges::stable_sort(executed, std::greater{},
                           [](const PlannedScore* score) { return cost(*score->entry->info.conditions); });
  for (PlannedScore* score : executed) {
    const ScoreConditions& conditions = *score->entry->info.conditions;
    Pass* best = nullptr;
    for (Pass& pass : plan.passes)
      if (can_join(conditions, pass.conditions) &&
          (best == nullptr || cost(pass.conditions) < cost(best->conditions)))
        best = &pass;
    if (best == nullptr) best = &plan.passes.emplace_back(Pass{.conditions = conditions, .probes = {}});
    join(*best, conditions);
    const auto probe = std::ranges::find(best->probes, score->entry->probe);
    score->pass = static_cast<std::size_t>(best - plan.passes.data());
    score->probe = static_cast<std::size_t>(probe - best->probes.begin());
    if (probe == best->probes.end()) best->probes.push_back(score->entry->probe);
  }
  return plan;
}

}  // namespace assay
