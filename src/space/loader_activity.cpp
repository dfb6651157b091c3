// Which decisions matter when: every use of a slot adds what must hold where the loader stands to its
// decisions' conditions.
#include "loader.hpp"

#include <algorithm>
#include <cmath>

namespace assay::plan {

// A negative decision stands for graph -1 - decision.
void Loader::activate(int decision, const Term& term) {
  if (dead_) return;
  Term whole = path_;
  whole.insert(whole.end(), term.begin(), term.end());
  if (decision >= 0) used_.push_back(decision);
  if (!sinks_.empty()) {
    sinks_.back()->push_back({decision, std::move(whole)});
  } else if (decision < 0) {
    plan_.graphs[static_cast<std::size_t>(-1 - decision)].condition.add(whole);
  } else {
    entries_[static_cast<std::size_t>(decision)].condition.add(whole);
  }
}

void Loader::use_expression(int expression) {
  if (expression < 0) return;
  for (const int decision : plan_.expressions[static_cast<std::size_t>(expression)].decisions)
    activate(decision, {});
}

void Loader::use(SlotId id) {
  if (id == kNoSlot) return;
  // By value: nothing below may hold a reference into a vector that grows.
  const Slot slot = plan_.slots[static_cast<std::size_t>(id)];
  const bool per_block =
      slot.decisions.size() > 1 ||
      (slot.decisions.size() == 1 && entries_[static_cast<std::size_t>(slot.decisions[0])].block > 0);
  for (std::size_t i = 0; i < slot.decisions.size(); ++i) {
    std::optional<Term> reached = Term{};
    if (per_block) reached = at_least(depth_, static_cast<int>(i) + 1);
    if (per_block && only_block_ != 0 && only_block_ != static_cast<int>(i) + 1) reached.reset();
    if (reached) activate(slot.decisions[i], *reached);
  }
  for (std::size_t option = 0; option < slot.options.size(); ++option) {
    if (slot.options[option].expression < 0) continue;
    if (slot.decisions.size() != 1) {
      use_expression(slot.options[option].expression);
      continue;
    }
    Literal chosen{slot.decisions[0], std::vector<bool>(slot.options.size(), false)};
    chosen.options[option] = true;
    path_.push_back(std::move(chosen));
    use_expression(slot.options[option].expression);
    path_.pop_back();
  }
}

std::optional<std::vector<double>> Loader::static_values(const Slot& slot) const {
  std::vector<double> values;
  if (slot.options.size() == 1 && slot.options[0].expression >= 0 && slot.decisions.empty()) {
    const Expression& expression = plan_.expressions[static_cast<std::size_t>(slot.options[0].expression)];
    if (!expression.static_value() || expression.decisions.size() != 1) return std::nullopt;
    const auto decision = static_cast<std::size_t>(expression.decisions[0]);
    for (std::size_t option = 0; option < entries_[decision].options.size(); ++option) {
      // With this option chosen every read of the decision is a constant.
      Expression constant = expression;
      for (Instruction& i : constant.code) {
        if (i.opcode != Opcode::decision) continue;
        const bool field = i.table >= kFirstField;
        const std::vector<Value>& table = field
                                              ? field_tables_[static_cast<std::size_t>(i.table - kFirstField)]
                                              : entries_[decision].values;
        const Value& chosen = table[option];
        i = {chosen.is_text() ? Opcode::text : Opcode::constant, chosen.text, chosen.number};
      }
      // What lies outside the limits fails when it is built.
      double value = slot.least;
      try {
        const Value given = evaluate(constant, {});
        if (!given.is_text() && std::isfinite(given.number))
          value = std::clamp(given.number, slot.least, slot.most);
      } catch (const ExpressionError&) {
      }
      values.push_back(value);
    }
    return values;
  }
  if (slot.decisions.size() > 1) return std::nullopt;
  for (const OptionValue& option : slot.options) {
    if (option.expression >= 0) return std::nullopt;
    values.push_back(option.constant.number);
  }
  return values;
}

std::optional<Term> Loader::at_least(SlotId id, int depth) {
  if (id == kNoSlot) return depth <= 1 ? std::optional<Term>(Term{}) : std::nullopt;
  const Slot& slot = plan_.slots[static_cast<std::size_t>(id)];
  const auto values = static_values(slot);
  if (!values) return Term{};
  if (values->size() == 1 && slot.decisions.empty() && slot.options[0].expression < 0)
    return values->front() >= depth ? std::optional<Term>(Term{}) : std::nullopt;
  Literal literal;
  literal.decision =
      slot.decisions.empty()
          ? plan_.expressions[static_cast<std::size_t>(slot.options[0].expression)].decisions[0]
          : slot.decisions[0];
  std::size_t reaching = 0;
  for (const double value : *values) {
    literal.options.push_back(value >= depth);
    if (value >= depth) ++reaching;
  }
  if (reaching == 0) return std::nullopt;
  if (reaching == values->size()) return Term{};
  return Term{literal};
}

}  // namespace assay::plan
