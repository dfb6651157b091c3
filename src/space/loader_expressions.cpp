// Expressions, and what names in them mean.
#include "assay/base/text.hpp"

#include "loader.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::plan {

std::int32_t Loader::text_number(std::string_view text) {
  const auto found = std::find(plan_.texts.begin(), plan_.texts.end(), text);
  const auto index = found - plan_.texts.begin();
  if (found == plan_.texts.end()) plan_.texts.emplace_back(text);
  return static_cast<std::int32_t>(index);
}

Loader::Compiled Loader::compile(const std::string& text, const toml::source_region& region,
                                 const AttributeTable& table, const std::string& what) {
  const Vocabulary vocabulary{
      [&](int number) -> const std::vector<Value>& {
        return number >= kFirstField ? field_tables_[static_cast<std::size_t>(number - kFirstField)]
                                     : entries_[static_cast<std::size_t>(number)].values;
      },
      [&](int decision) -> const std::string& { return entries_[static_cast<std::size_t>(decision)].name; },
      plan_.texts};
  try {
    Expression expression = compile_expression(
        text,
        [&](std::string_view name, std::string_view function) { return resolve(name, function, table); },
        [&](std::string_view literal) { return text_number(literal); });
    Type type = check_types(expression, vocabulary);
    plan_.expressions.push_back(std::move(expression));
    return {static_cast<int>(plan_.expressions.size()) - 1, std::move(type)};
  } catch (const ExpressionError& error) {
    std::string hint;
    if (!error.unknown_name.empty()) hint = suggestion(error.unknown_name, names_in_reach(table));
    fail(region, fmt::format("{}: {}{}", what, error.what(), hint));
  }
}

namespace {

constexpr std::pair<std::string_view, Variable> kVariables[] = {{"in", Variable::in},
                                                                {"out", Variable::out},
                                                                {"stride", Variable::stride},
                                                                {"index", Variable::index},
                                                                {"depth", Variable::depth},
                                                                {"in_height", Variable::in_height},
                                                                {"in_width", Variable::in_width}};

constexpr std::pair<std::string_view, Global> kGlobals[] = {{"classes", Global::classes},
                                                            {"depth_multiplier", Global::depth_multiplier},
                                                            {"params", Global::params},
                                                            {"macs", Global::macs}};

}  // namespace

std::optional<Meaning> Loader::resolve(std::string_view name, std::string_view function,
                                       const AttributeTable& table) {
  const auto one = [](Opcode opcode, std::ptrdiff_t index) {
    return Meaning{{opcode, static_cast<std::int32_t>(index)}};
  };
  const bool constraint = table.surroundings == nullptr;
  if (function == "*") return matching_decisions(name);
  if (!function.empty()) {
    if (constraint) return std::nullopt;
    const auto& sources = table.surroundings->sources;
    const auto found = std::find(sources.begin(), sources.end(), name);
    if (found == sources.end()) return std::nullopt;
    return one(Opcode::constant, found - sources.begin());
  }
  if (!constraint) {
    if (const Definition* definition = table.surroundings->definition) {
      const auto found = std::find(definition->parameters.begin(), definition->parameters.end(), name);
      if (found != definition->parameters.end())
        return one(Opcode::parameter, found - definition->parameters.begin());
      if (name.starts_with("block."))
        for (const auto& [word, variable] : kVariables)
          if (name.substr(6) == word) return one(Opcode::block, static_cast<std::ptrdiff_t>(variable));
    }
    for (const auto& [word, variable] : kVariables)
      if (name == word) return one(Opcode::variable, static_cast<std::ptrdiff_t>(variable));
  }
  if (const auto value = values_.find(name); value != values_.end())
    return named_expression(name, *value->second, table);
  if (const std::optional<int> decision = find_decision(name))
    return Meaning{{Opcode::decision, *decision, 0, *decision}};
  if (std::optional<Meaning> field = field_value(name)) return field;
  for (const auto& [word, global] : kGlobals)
    if (name == word && (constraint || global < Global::params))
      return one(Opcode::global, static_cast<std::ptrdiff_t>(global));
  return std::nullopt;
}

// All decisions whose name fits a pattern with one "*".
std::optional<Meaning> Loader::matching_decisions(std::string_view pattern) const {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  Meaning meaning;
  for (const auto& [name, id] : entry_of_)
    if (name.size() >= before.size() + after.size() && name.starts_with(before) && name.ends_with(after))
      meaning.push_back({Opcode::decision, id, 0, id});
  if (meaning.empty()) return std::nullopt;
  return meaning;
}

// "$decision.field": what the chosen option's table says under that key.
std::optional<Meaning> Loader::field_value(std::string_view name) {
  const auto [decision, field] = shared_decision("$" + std::string(name));
  if (decision < 0 || field.empty()) return std::nullopt;
  Entry& entry = entries_[static_cast<std::size_t>(decision)];
  std::vector<Value> table;
  for (const toml::node* option : entry.written) {
    const toml::node* node = option->is_table() ? option->as_table()->get(field) : nullptr;
    if (node == nullptr) return std::nullopt;
    if (const auto number = node->value<double>())
      table.emplace_back(*number);
    else if (const auto truth = node->value<bool>())
      table.emplace_back(*truth ? 1 : 0);
    else
      table.push_back(Value::of_text(text_number(node->value<std::string>().value_or(""))));
  }
  entry.fields.emplace(field);
  field_tables_.push_back(std::move(table));
  const auto number = kFirstField + static_cast<std::int32_t>(field_tables_.size()) - 1;
  return Meaning{{Opcode::decision, decision, 0, number}};
}

// An entry of [values] means its text, read where it is used.
std::optional<Meaning> Loader::named_expression(std::string_view name, const toml::node& value,
                                                const AttributeTable& table) {
  if (const auto number = value.value<double>()) return Meaning{{Opcode::constant, 0, *number}};
  if (++value_nesting_ > 20)
    fail(value, fmt::format("The value \"{}\" refers to itself. Break the circle.", name));
  const int expression =
      compile(value.value<std::string>().value_or(""), value.source(), table, std::string(name)).id;
  --value_nesting_;
  return plan_.expressions[static_cast<std::size_t>(expression)].code;
}

std::vector<std::string> Loader::names_in_reach(const AttributeTable& table) const {
  std::vector<std::string> names;
  if (table.surroundings != nullptr) {
    for (const auto& [word, variable] : kVariables) names.emplace_back(word);
    if (const Definition* definition = table.surroundings->definition) {
      names.insert(names.end(), definition->parameters.begin(), definition->parameters.end());
      for (const auto& [word, variable] : kVariables) names.push_back(fmt::format("block.{}", word));
    }
    names.insert(names.end(), table.surroundings->sources.begin(), table.surroundings->sources.end());
  }
  for (const Entry& entry : entries_) {
    names.push_back(entry.name);
    const toml::table* bundle = entry.shared ? entry.written.front()->as_table() : nullptr;
    if (bundle == nullptr) continue;
    for (const auto& [field, node] : *bundle) names.push_back(fmt::format("{}.{}", entry.name, field.str()));
  }
  for (const auto& [name, node] : values_) names.push_back(name);
  for (const auto& [word, global] : kGlobals) names.emplace_back(word);
  return names;
}

std::optional<int> Loader::find_decision(std::string_view name) const {
  const auto found = entry_of_.find(name);
  if (found == entry_of_.end()) return std::nullopt;
  return found->second;
}

int Loader::source_index(const toml::node& node, const AttributeTable& table, std::string_view name,
                         const std::string& what) const {
  const auto& sources = table.surroundings->sources;
  const auto found = std::find(sources.begin(), sources.end(), name);
  if (found != sources.end()) return static_cast<int>(found - sources.begin());
  const std::optional<std::int64_t> number = parse_integer(name);
  if (number && *number >= 0 && *number < static_cast<std::int64_t>(sources.size()))
    return static_cast<int>(*number);
  fail(node, fmt::format("{} names \"{}\", which is no input and no node declared before it.{}", what, name,
                         suggestion(name, sources)));
}

}  // namespace assay::plan
