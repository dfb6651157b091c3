// Which candidates a space admits: its constraints, and cells that must be connected.
#include "assay/base/error.hpp"

#include "plan.hpp"

#include <fmt/format.h>

namespace assay::plan {
namespace {

// The option that a candidate chose, where it can be told without building anything.
const OptionValue& chosen_option(const Plan& plan, SlotId id, const std::uint16_t* choices) {
  const Slot& slot = plan.slots[static_cast<std::size_t>(id)];
  return slot.options[slot.decisions.empty() ? 0 : choices[slot.decisions[0]]];
}

bool is_none(const Plan& plan, const Placement& placement, const std::uint16_t* choices) {
  static const int none = block_type_from("none").value();
  if (placement.empty()) return false;
  const OptionValue& option = chosen_option(plan, placement.block, choices);
  return option.expression < 0 && placement.uses[static_cast<std::size_t>(option.constant)].type == none;
}

// Whether some path without `none` leads from an input to the output.
bool connected(const Plan& plan, const Graph& graph, const std::uint16_t* choices) {
  std::vector<bool> reached(static_cast<std::size_t>(graph.inputs), true);
  bool any = false;
  for (const GraphNode& node : graph.nodes) {
    bool now = false;
    for (const Edge& edge : node.inputs) {
      const OptionValue& from = chosen_option(plan, edge.from, choices);
      // An expression may name any source; only building it would tell.
      const bool source = from.expression >= 0 || reached[static_cast<std::size_t>(from.constant)];
      now = now || (source && !is_none(plan, edge.placement, choices));
    }
    reached.push_back(now && !is_none(plan, node.placement, choices));
    any = any || reached.back();
  }
  if (graph.output == GraphOutput::last) return reached.back();
  if (graph.output != GraphOutput::listed) return any;
  for (const int i : graph.listed)
    if (reached[static_cast<std::size_t>(i)]) return true;
  return false;
}

bool used(const Graph& graph, const std::uint16_t* choices) {
  for (const Term& term : graph.condition.terms) {
    bool all = true;
    for (const Literal& literal : term) all = all && literal.options[choices[literal.decision]];
    if (all) return true;
  }
  return false;
}

}  // namespace

std::string violated_constraint(const Plan& plan, const std::uint16_t* choices, bool network_constraints) {
  Globals globals{};
  globals[static_cast<std::size_t>(Global::classes)] = plan.classes;
  globals[static_cast<std::size_t>(Global::depth_multiplier)] = 1;
  Environment environment;
  environment.choices = choices;
  environment.option_values = &plan.option_values;
  environment.globals = &globals;
  if (plan.depth_multiplier != kNoSlot && !plan.constraints.empty()) {
    const Variables none{};
    environment.variables = &none;
    globals[static_cast<std::size_t>(Global::depth_multiplier)] =
        slot_value(plan, plan.slots[static_cast<std::size_t>(plan.depth_multiplier)], environment, 0);
    environment.variables = nullptr;
  }
  const auto broken = [&](const Constraint& c) {
    return evaluate(plan.expressions[static_cast<std::size_t>(c.expression)], environment) == 0;
  };
  const auto text = [&](const Constraint& c) {
    return plan.expressions[static_cast<std::size_t>(c.expression)].text;
  };
  bool needs_network = false;
  for (const Constraint& constraint : plan.constraints) {
    needs_network = needs_network || constraint.needs_network;
    if (!constraint.needs_network && broken(constraint)) return text(constraint);
  }
  for (const Graph& graph : plan.graphs)
    if (graph.reject_disconnected && used(graph, choices) && !connected(plan, graph, choices))
      return fmt::format("the output of cell \"{}\" is connected to its input", graph.name);
  if (!needs_network || !network_constraints) return {};
  try {
    const Network network = decode(plan, choices);
    globals[static_cast<std::size_t>(Global::params)] = static_cast<double>(network.parameters());
    globals[static_cast<std::size_t>(Global::macs)] = static_cast<double>(network.macs());
  } catch (const InputError& error) {
    // Nothing can be said about the size of what cannot be built.
    return error.what();
  }
  for (const Constraint& constraint : plan.constraints)
    if (constraint.needs_network && broken(constraint)) return text(constraint);
  return {};
}

}  // namespace assay::plan
