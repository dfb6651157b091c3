// Which candidates a space admits: its constraints, and cells that must be connected.
#include "assay/base/error.hpp"

#include "plan.hpp"

#include <fmt/format.h>

namespace assay::plan {
namespace {

const OptionValue& chosen_option(const Plan& plan, SlotId id, const std::uint16_t* choices) {
  const Slot& slot = plan.slots[static_cast<std::size_t>(id)];
  return slot.options[slot.decisions.empty() ? 0 : choices[slot.decisions[0]]];
}

bool is_none(const Plan& plan, const Placement& placement, const Environment& environment) {
  static const int none = block_type_from("none").value();
  if (placement.empty()) return false;
  const OptionValue& option = chosen_option(plan, placement.block, environment.choices);
  // What depends on shapes or parameters only building tells; so it does what is wrong with an expression.
  if (option.expression >= 0 && !plan.expressions[static_cast<std::size_t>(option.expression)].static_value())
    return false;
  try {
    return chosen_block(plan, placement, environment, 0).type == none;
  } catch (const InputError&) {
    return false;
  }
}

// Whether some path without `none` leads from an input to the output.
bool connected(const Plan& plan, const Graph& graph, const Environment& environment) {
  std::vector<bool> reached(static_cast<std::size_t>(graph.inputs), true);
  bool any = false;
  for (const GraphNode& node : graph.nodes) {
    bool now = false;
    for (const Edge& edge : node.inputs) {
      const Value from = chosen_option(plan, edge.from, environment.choices).constant;
      now = now ||
            (reached[static_cast<std::size_t>(from.number)] && !is_none(plan, edge.placement, environment));
    }
    reached.push_back(now && !is_none(plan, node.placement, environment));
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
        slot_value(plan, plan.slots[static_cast<std::size_t>(plan.depth_multiplier)], environment, 0).number;
    environment.variables = nullptr;
  }
  const auto broken = [&](const Constraint& c) {
    try {
      const Value holds = evaluate(plan.expressions[static_cast<std::size_t>(c.expression)], environment);
      return !holds.is_text() && holds.number == 0;
    } catch (const ExpressionError& error) {
      throw InputError(fmt::format("{}: A constraint cannot be told. {}", c.place, error.what()));
    }
  };
  const auto text = [&](const Constraint& c) {
    return excerpt(plan.expressions[static_cast<std::size_t>(c.expression)].text);
  };
  bool needs_network = false;
  for (const Constraint& constraint : plan.constraints) {
    needs_network = needs_network || constraint.needs_network;
    if (!constraint.needs_network && broken(constraint)) return text(constraint);
  }
  for (const Graph& graph : plan.graphs)
    if (graph.reject_disconnected && used(graph, choices) && !connected(plan, graph, environment))
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
