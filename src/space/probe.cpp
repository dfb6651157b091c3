#include "probe.hpp"

#include "assay/base/error.hpp"

#include <fmt/format.h>

namespace assay::plan {
namespace {

constexpr int kRandomContexts = 40;

// Empty when the candidate can be built.
std::string obstacle(const Plan& plan, const std::vector<std::uint16_t>& choices) {
  try {
    static_cast<void>(decode(plan, choices.data()));
    return {};
  } catch (const InputError& error) {
    return error.what();
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
    const std::string why = obstacle(plan, first);
    if (!why.empty()) throw InputError(why);
  }
  // Where the first option of everything cannot be built, look for a context that can.
  Random random(0, Purpose::sample, plan.fingerprint);
  std::vector<std::vector<std::uint16_t>> contexts = {first};
  for (int i = 0; i < kRandomContexts; ++i) contexts.push_back(plan.choices.sample(random));
  for (int decision = 0; decision < decisions; ++decision) {
    const auto d = static_cast<std::size_t>(decision);
    for (int option = 0; option < plan.choices.options(decision); ++option) {
      std::string why;
      for (std::vector<std::uint16_t> choices : contexts) {
        choices[d] = static_cast<std::uint16_t>(option);
        plan.choices.normalise(choices);
        if (choices[d] != option || !counts(plan, choices, decision)) continue;
        const std::string obstacle_here = obstacle(plan, choices);
        if (obstacle_here.empty()) {
          why.clear();
          break;
        }
        if (why.empty()) why = obstacle_here;
      }
      if (why.empty()) continue;
      throw InputError(fmt::format(
          "{}: Option \"{}\" of decision \"{}\" cannot be built: {} The same holds in every other "
          "context tried. Remove the option, or make room for it.",
          plan.decision_places[d], plan.decisions[d].options[static_cast<std::size_t>(option)],
          plan.decisions[d].name, why));
    }
  }
}

}  // namespace assay::plan
