#include "assay/search/strategy.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <fmt/format.h>

namespace assay {
namespace {

void check_share(double value, std::string_view name) {
  if (!(value >= 0 && value <= 1)) {
    throw InputError(fmt::format("The strategy's {} is {}; give a number from 0 to 1.", name, value));
  }
}

}  // namespace

std::span<const std::string> strategy_names() {
  static const std::vector<std::string> names = {"evolution", "random"};
  return names;
}

std::unique_ptr<Strategy> make_strategy(const Space& space, const StrategySettings& settings) {
  if (settings.population < 2 || settings.tournament < 1) {
    throw InputError(fmt::format(
        "The strategy has a population of {} and tournaments of {}; give a population of at least 2 "
        "and tournaments of at least 1.",
        settings.population, settings.tournament));
  }
  check_share(settings.crossover, "crossover share");
  check_share(settings.front_share, "front share");
  if (!(settings.mutations >= 0)) {
    throw InputError(
        fmt::format("The strategy's number of mutations is {}; give 0 or more.", settings.mutations));
  }
  if (settings.name == "evolution") return std::make_unique<RegularisedEvolution>(space, settings);
  if (settings.name == "random") return std::make_unique<RandomSearch>(space, settings);
  throw InputError(fmt::format("There is no search strategy \"{}\".{}", settings.name,
                               suggestion(settings.name, strategy_names())));
}

std::vector<Candidate> RandomSearch::ask(int count) {
  std::vector<Candidate> candidates;
  candidates.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Random random(seed_, Purpose::sample, 0, proposals_++);
    candidates.push_back(space_.sample(random));
  }
  return candidates;
}

}  // namespace assay
