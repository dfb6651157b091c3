#include "probe.hpp"

#include "assay/base/error.hpp"

#include <optional>

#include <fmt/format.h>

namespace assay::plan {
namespace {

constexpr int kRandomContexts = 40;

// nullopt when the candidate can be built.
std::optional<Obstacle> obstacle(const Plan& plan, const std::vector<std::uint16_t>& choices) {
  try {
    static_cast<void>(decode(plan, choices.data()));
    return std::nullopt;
  } catch (const Obstacle& error) {
    return error;
  } catch (const InputError& error) {
    return Obstacle(error.what(), error.what());
  }
}

// Both halves of the question are needed: an option is only to blame where it matters and the constraints
// allow it.
bool counts(const Plan& plan, const std::vector<std::uint16_t>& choices, int decision) {
  return plan.choices.active(decision, choices.data()) &&
         violated_constraint(plan, choices.data(), false).empty();
}

}  // namespace

void probe_options(const Plan& plan) {
  const int decisions = plan.choices.size();
  const std::vector<std::uint16_t> first(static_cast<std::size_t>(decisions), 0);
  if (decisions == 0) {
    const std::string broken = violated_constraint(plan, first.data(), false);
    if (!broken.empty())
      throw InputError(
          fmt::format("{}: The only candidate breaks the constraint \"{}\".", plan.source, broken));
    if (const std::optional<Obstacle> why = obstacle(plan, first)) throw InputError(why->what());
  }
  // Where the first option of everything cannot be built, look for a context that can.
  Random random(0, Purpose::sample, plan.fingerprint);
  std::vector<std::vector<std::uint16_t>> contexts = {first};
  for (int i = 0; i < kRandomContexts; ++i) contexts.push_back(plan.choices.sample(random));
  for (int decision = 0; decision < decisions; ++decision) {
    const auto d = static_cast<std::size_t>(decision);
    for (int option = 0; option < plan.choices.options(decision); ++option) {
      std::optional<Obstacle> why, other;  // the first, and the first with another cause
      bool built = false;
      for (std::vector<std::uint16_t> choices : contexts) {
        choices[d] = static_cast<std::uint16_t>(option);
        plan.choices.normalise(choices);
        if (choices[d] != option || !counts(plan, choices, decision)) continue;
        const std::optional<Obstacle> here = obstacle(plan, choices);
        built = !here;
        if (built) break;
        if (!why)
          why = here;
        else if (!other && here->cause() != why->cause())
          other = here;
      }
      if (built || !why) continue;
      throw InputError(fmt::format(
          "{}: Option \"{}\" of decision \"{}\" cannot be built: {} {} Remove the option, or "
          "make room for it.",
          plan.decision_places[d], excerpt(plan.decisions[d].options[static_cast<std::size_t>(option)]),
          plan.decisions[d].name, why->what(),
          other ? fmt::format("With other options of other decisions: {}", other->what())
                : "The same holds in every other context tried."));
    }
  }
}

}  // namespace assay::plan
