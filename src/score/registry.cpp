#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "scores.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay {

std::span<const ScoreEntry> score_entries() {
  static const std::array entries = {
      params_score(),
      macs_score(),
      capacity_score(),
      depth_score(),
      blocks_score(),
      nn_mass_score(),
      nn_degree_score(),
      entropy_score(),
      naswot_score(),
      swap_score(),
      linear_regions_score(),
      signal_propagation_score(),
      gradient_correlation_score(),
      gradient_drift_score(),
      feature_similarity_score(),
      jacob_cov_score(),
      synflow_score(),
      grad_norm_score(),
      snip_score(),
      zen_score(),
      expressivity_score(),
      progressivity_score(),
      trainability_score(),
      participation_ratio_score(),
      meco_score(),
      fisher_score(),
      grasp_score(),
      zico_score(),
      ntk_condition_score(),
      fisher_spectrum_score(),
  };
  return entries;
}

std::span<const ScoreInfo> score_registry() {
  static const std::vector<ScoreInfo> infos = [] {
    std::vector<ScoreInfo> list;
    for (const ScoreEntry& entry : score_entries()) list.push_back(entry.info);
    return list;
  }();
  return infos;
}

const ScoreInfo* find_score(std::string_view name) {
  const auto registry = score_registry();
  const auto found = std::ranges::find(registry, name, &ScoreInfo::name);
  return found == registry.end() ? nullptr : &*found;
}

std::vector<std::string> default_scores() {
  return {"capacity", "signal_propagation"};
}

std::vector<RankTerm> rank_terms(std::span<const std::string> scores) {
  std::vector<RankTerm> terms;
  for (const std::string& name : scores) {
    const ScoreInfo* info = find_score(name);
    if (info == nullptr) {
      std::vector<std::string> known;
      for (const ScoreInfo& each : score_registry()) known.emplace_back(each.name);
      throw InputError(fmt::format("There is no score \"{}\".{}", name, suggestion(name, known)));
    }
    terms.push_back({.direction = info->direction, .by_rank = info->by_rank});
  }
  if (std::ranges::any_of(terms, &RankTerm::by_rank))
    for (RankTerm& term : terms) term.by_rank = true;
  return terms;
}

void validate(const ScoreSettings& settings) {
  if (settings.scores.empty())
    throw InputError(
        fmt::format("No score is named. Name at least one, such as {}.", join(default_scores(), ",")));
  rank_terms(settings.scores);
  for (auto name = settings.scores.begin(); name != settings.scores.end(); ++name)
    if (std::find(settings.scores.begin(), name, *name) != name)
      throw InputError(fmt::format("The score \"{}\" is named twice. Name each score once.", *name));
  if (settings.batch < 2 || settings.batch > 4096)
    throw InputError(
        fmt::format("The batch of scores is {}. Choose 2 to 4096 images: scores compare the "
                    "images of a batch with each other.",
                    settings.batch));
  if (settings.repeats < 1 || settings.repeats > 1000)
    throw InputError(fmt::format("The number of repeats is {}. Choose 1 to 1000.", settings.repeats));
  if (settings.resolution < 0)
    throw InputError(
        fmt::format("The resolution of scores is {}. Choose a number of pixels, or 0 for the "
                    "networks' own resolution.",
                    settings.resolution));
}

std::string describe(const ScoreConditions& conditions) {
  std::vector<std::string> parts;
  switch (conditions.input) {
    case ScoreInput::gaussian:
      parts.emplace_back("input N(0,1)");
      break;
    case ScoreInput::ones:
      parts.emplace_back("input: one image of ones");
      break;
    case ScoreInput::circle:
      parts.emplace_back("input: images on a great circle of N(0,1)");
      break;
  }
  if (conditions.images > 0) parts.push_back(fmt::format("{} images", conditions.images));
  if (conditions.resolution > 0)
    parts.push_back(fmt::format("at most {0}x{0} pixels", conditions.resolution));
  parts.push_back(fmt::format("weights {}", to_string(conditions.initialisation)));
  if (conditions.linearised)
    parts.emplace_back("magnitudes of the weights, no batch norm, no biases, linear activations, open gates");
  else
    parts.emplace_back(conditions.batch_norm == BatchNormMode::batch_statistics
                           ? "batch norm by the statistics of the batch"
                           : "batch norm by running statistics");
  parts.emplace_back(conditions.residuals ? "residuals kept" : "residuals removed");
  if (conditions.input_batches > 1)
    parts.emplace_back(fmt::format("{} independent inputs", conditions.input_batches));
  if (conditions.most_images > 0)
    parts.emplace_back(fmt::format("at most {} images", conditions.most_images));
  if (conditions.rescaled) parts.emplace_back("weights times 1 + 2^-10, then times 1 - 2^-10");
  if (conditions.perturbed) parts.emplace_back("a second pass of the input + 0.01 N(0,1)");
  switch (conditions.backward) {
    case BackwardSeed::none:
      break;
    case BackwardSeed::ones:
      parts.emplace_back("backward from the sum of the outputs");
      break;
    case BackwardSeed::uneven:
      parts.emplace_back(
          "backward from the sum of the outputs, even images 5/4 times and odd ones 3/4 times");
      break;
    case BackwardSeed::cross_entropy:
      parts.emplace_back("backward from the cross-entropy with random labels");
      break;
    case BackwardSeed::rademacher:
      parts.emplace_back("backward from random signs at every block");
      break;
    case BackwardSeed::each_image:
      parts.emplace_back("backward from the sum of the outputs of each image");
      break;
    case BackwardSeed::sampled_labels:
      parts.emplace_back(
          fmt::format("{} times backward from the likelihood of labels drawn from the softmax", label_draws));
      break;
  }
  return join(parts, "; ");
}

}  // namespace assay
