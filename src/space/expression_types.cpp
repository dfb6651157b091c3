// Numbers and texts in expressions, told apart before anything is built. An interpreter like evaluate's,
// whose values are what may come out.
#include "assay/base/text.hpp"

#include "expression.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace assay::plan {
namespace {

using Possible = Type::Possible;

bool before(const Possible& a, const Possible& b) {
  return a.value.text != b.value.text ? a.value.text < b.value.text : a.value.number < b.value.number;
}

bool has_numbers(const Type& type) {
  return type.anything || type.numbers || (!type.values.empty() && !type.values.front().value.is_text());
}
bool has_texts(const Type& type) {
  return type.anything || (!type.values.empty() && type.values.back().value.is_text());
}
bool has_options(const Type& type) {
  return std::any_of(type.values.begin(), type.values.end(), [](const Possible& p) { return p.option; });
}

Type any_number() {
  Type type;
  type.numbers = true;
  return type;
}

Type listed(std::span<const Value> values, bool options) {
  Type type;
  for (const Value& value : values) {
    if (!std::isfinite(value.number))
      type.numbers = true;  // has no place in an order
    else
      type.values.push_back({value, options});
  }
  std::sort(type.values.begin(), type.values.end(), before);
  return type;
}

Type either(const Type& a, const Type& b) {
  Type type;
  type.anything = a.anything || b.anything;
  type.numbers = a.numbers || b.numbers;
  std::merge(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
             std::back_inserter(type.values), before);
  // What one side gives on its own account is not only an option.
  std::size_t kept = 0;
  for (const Possible& possible : type.values) {
    if (kept > 0 && type.values[kept - 1].value == possible.value)
      type.values[kept - 1].option = type.values[kept - 1].option && possible.option;
    else
      type.values[kept++] = possible;
  }
  type.values.resize(kept);
  return type;
}

bool may_equal(const Type& a, const Type& b) {
  if (a.anything || b.anything) return true;
  if ((a.numbers && has_numbers(b)) || (b.numbers && has_numbers(a))) return true;
  return std::any_of(a.values.begin(), a.values.end(), [&](const Possible& possible) {
    return std::binary_search(b.values.begin(), b.values.end(), possible, before);
  });
}

class Checker {
 public:
  Checker(const Expression& expression, const Vocabulary& vocabulary)
      : expression_(expression), vocabulary_(vocabulary) {}

  Type run() {
    for (const Instruction& i : expression_.code) step(i);
    for (const auto& [count, complaint] : never_counted_)
      if (!complaint.empty()) throw ExpressionError(complaint);
    return std::move(stack_.front());
  }

 private:
  void step(const Instruction& i) {
    switch (i.opcode) {
      case Opcode::constant:
        return stack_.push_back(listed(std::array{Value(i.value)}, false));
      case Opcode::text:
        return stack_.push_back(listed(std::array{Value::of_text(i.index)}, false));
      case Opcode::decision:
        stack_.push_back(listed(vocabulary_.option_values(i.table), true));
        stack_.back().decision = i.index;
        return;
      case Opcode::parameter:
        stack_.emplace_back();
        stack_.back().anything = true;
        return;
      case Opcode::select: {
        const Type otherwise = pop(), then = pop();
        need_number(i, pop());
        return stack_.push_back(either(then, otherwise));
      }
      case Opcode::equal:
      case Opcode::not_equal: {
        const Type b = pop(), a = pop();
        compare(i, a, b);
        return stack_.push_back(any_number());
      }
      default:
        for (int k = 0; k < operands(i.opcode); ++k) need_number(i, pop());
        stack_.push_back(any_number());
    }
  }

  Type pop() {
    Type top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }

  std::string message(const Instruction& at, const std::string& what) const {
    return expression_message(expression_.text, what, static_cast<std::size_t>(at.position));
  }

  void need_number(const Instruction& i, const Type& type) const {
    if (has_numbers(type) || !has_texts(type)) return;
    throw ExpressionError(message(
        i, fmt::format("\"{}\" needs numbers, but {} is a text", opcode_name(i.opcode), words(type))));
  }

  // An equality that never holds is a typing error, except between fixed values, which may be switches.
  void compare(const Instruction& i, const Type& a, const Type& b) {
    const bool counted = i.opcode == Opcode::equal && i.index != 0;
    if (counted && i.index == kCheckedCount) return;
    const bool kinds_differ = !(has_numbers(a) && has_numbers(b)) && !(has_texts(a) && has_texts(b));
    const bool never = !may_equal(a, b) && (kinds_differ || has_options(a) || has_options(b));
    if (!never && !counted) return;
    const std::string complaint =
        never ? message(i, fmt::format("{} and {} are never equal{}", words(a), words(b),
                                       kinds_differ ? number_hint(a, b) : option_hint(a, b)))
              : "";
    if (!counted) throw ExpressionError(complaint);
    const auto [found, first] = never_counted_.try_emplace(i.index, complaint);
    if (!never) found->second.clear();
  }

  std::string word(const Value& value) const {
    return value.is_text() ? fmt::format("'{}'", excerpt(text(value))) : text(value);
  }
  std::string text(const Value& value) const {
    return value.is_text() ? vocabulary_.texts[static_cast<std::size_t>(value.text)]
                           : exact_number(value.number);
  }
  std::string words(const Type& type) const {
    if (type.decision >= 0) return fmt::format("decision \"{}\"", vocabulary_.decision_name(type.decision));
    if (type.numbers || type.values.empty()) return "the number";
    return word(type.values.front().value);
  }

  static std::string number_hint(const Type& a, const Type& b) {
    const bool quoted = !has_texts(a) || !has_texts(b);
    return quoted && (has_options(a) || has_options(b)) ? ", because one is a number and the other a text; "
                                                          "options that look like numbers are numbers, "
                                                          "quoted or not"
                                                        : ", because one is a number and the other a text";
  }
  std::string option_hint(const Type& a, const Type& b) const {
    const Type& options = has_options(a) ? a : b;
    const Type& other = has_options(a) ? b : a;
    std::vector<std::string> known;
    for (const Possible& possible : options.values) known.push_back(text(possible.value));
    const std::string wanted = other.values.size() == 1 ? text(other.values[0].value) : "";
    const std::optional<std::string> near = nearest_name(wanted, known);
    if (near && other.values.front().value.is_text()) return fmt::format("; did you mean '{}'?", *near);
    if (known.size() > 24) known.resize(24);
    return fmt::format("; it may be {}", join(known, ", "));
  }

  const Expression& expression_;
  const Vocabulary& vocabulary_;
  std::vector<Type> stack_;
  std::map<std::int32_t, std::string> never_counted_;  // "": it may be
};

}  // namespace

Type check_types(const Expression& expression, const Vocabulary& vocabulary) {
  return Checker(expression, vocabulary).run();
}

}  // namespace assay::plan
