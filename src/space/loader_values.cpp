// Attributes and decisions: TOML values to slots.
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "loader.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay::plan {
namespace {

bool is_plain_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.';
  });
}

std::string kind_text(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::integer:
      return "a whole number";
    case AttributeKind::number:
      return "a number";
    case AttributeKind::boolean:
      return "true or false";
    case AttributeKind::sequence:
      return "operators joined by \"_\" out of conv, bn, act, avgpool (such as \"conv_bn_act\"), or \"none\"";
    case AttributeKind::padding:
      return "\"same\", \"valid\" or a number of pixels";
    case AttributeKind::squeeze_excite:
      return "true, false or a ratio";
    case AttributeKind::free:
      return "a number, true or false, or an expression";
    case AttributeKind::block:
      return "a block's name, a table with its type and attributes, or an array of those";
    case AttributeKind::source:
      return "the name of an input or of a node declared before";
    default: {
      const std::vector<std::string> names = value_names(kind);
      return fmt::format("one of {}", join(names, ", "));
    }
  }
}

}  // namespace

bool Loader::takes_integers(AttributeKind kind) {
  return kind == AttributeKind::integer || kind == AttributeKind::padding;
}

SlotId Loader::slot(AttributeTable& table, std::string_view key, const Limits& limits) {
  if (const auto known = table.slots.find(key); known != table.slots.end()) {
    use(known->second);
    return known->second;
  }
  const toml::node* node = table.table->get(key);
  if (node == nullptr) throw InternalError("a slot was asked for an attribute that is not there");
  const SlotId id = make_slot(*node, std::string(key), limits, table);
  table.slots.emplace(key, id);
  use(id);
  return id;
}

// "stage1.kernel", "stage1.block2.kernel" (block = 2), with an option's attributes "stage1.wide.kernel".
std::string Loader::decision_name(const AttributeTable& table, std::string_view key, int block) {
  std::string name = table.prefix;
  const auto append = [&](std::string_view part) {
    if (part.empty()) return;
    if (!name.empty()) name += '.';
    name += part;
  };
  if (block > 0) append(fmt::format("block{}", block));
  append(table.suffix);
  append(key);
  return name;
}

SlotId Loader::make_slot(const toml::node& node, const std::string& key, const Limits& limits,
                         AttributeTable& table) {
  Slot slot;
  slot.name = decision_name(table, key, 0);
  slot.place = place(node.source());
  slot.kind = limits.kind;
  slot.names = limits.names;
  slot.least = limits.least;
  slot.most = limits.most;
  const toml::array* options = node.as_array();
  bool each_block = options != nullptr && table.arrays_per_block;
  if (const toml::table* t = node.as_table(); t != nullptr && t->contains("each_block")) {
    check_keys(*t, {"each_block"}, fmt::format("a decision of {}", slot.name));
    options = (*t)["each_block"].as_array();
    each_block = true;
    if (options == nullptr)
      fail(node,
           fmt::format("each_block of {} is not an array. Write {{ each_block = [3, 5] }}.", slot.name));
    if (!table.per_block)
      fail(node, fmt::format("{} is decided for each block, but only stages and nodes with a depth have "
                             "blocks. Write a plain "
                             "array.",
                             slot.name));
  }
  if (options != nullptr) {
    int blocks = 0;
    if (each_block) {
      blocks = 1;
      if (table.depth != kNoSlot) {
        const auto depths = static_values(plan_.slots[static_cast<std::size_t>(table.depth)]);
        if (!depths)
          fail(node,
               fmt::format("{} is decided for each block, but how many blocks there may be is not known: the "
                           "depth is an "
                           "expression of more than one decision. Give the depth as a number or an array.",
                           slot.name));
        blocks = static_cast<int>(*std::max_element(depths->begin(), depths->end()));
      }
    }
    std::vector<const toml::node*> written;
    for (const toml::node& option : *options) written.push_back(&option);
    if (!each_block) slot.decisions.push_back(new_decision(slot.name, written, node.source(), 0));
    for (int block = 1; block <= blocks; ++block)
      slot.decisions.push_back(new_decision(decision_name(table, key, block), written, node.source(), block));
    for (const toml::node* option : written) slot.options.push_back(option_value(*option, slot, table));
    if (each_block && blocks == 0) slot.options.resize(1);  // never read
  } else if (const auto text = node.value<std::string_view>();
             text && text->starts_with("$") && names_shared(*text)) {
    fill_reference(slot, *text, table);
  } else {
    slot.options.push_back(option_value(node, slot, table));
  }
  plan_.slots.push_back(std::move(slot));
  return static_cast<SlotId>(plan_.slots.size()) - 1;
}

SlotId Loader::constant_slot(double value, const std::string& name) {
  Slot slot;
  slot.name = name;
  slot.least = -1e18;
  slot.most = 1e18;
  slot.options.push_back({value, -1});
  plan_.slots.push_back(std::move(slot));
  return static_cast<SlotId>(plan_.slots.size()) - 1;
}

// "$name" or "$name.field", alone: the slot becomes that shared decision, so that every option is checked
// against the attribute at load. Anything more is an expression.
bool Loader::names_shared(std::string_view text) const {
  return shared_decision(text).first >= 0;
}

// The decision of [decisions] and the field that "$name" or "$name.field" means; -1: none.
std::pair<int, std::string> Loader::shared_decision(std::string_view reference) const {
  const std::string_view name = reference.substr(1);
  const auto shared = [&](std::string_view n) {
    const std::optional<int> entry = find_decision(n);
    return entry && entries_[static_cast<std::size_t>(*entry)].shared ? *entry : -1;
  };
  if (const int whole = shared(name); whole >= 0) return {whole, ""};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {-1, ""};
  return {shared(name.substr(0, dot)), std::string(name.substr(dot + 1))};
}

std::vector<const toml::node*> Loader::referenced_options(std::string_view reference) const {
  const auto [decision, field] = shared_decision(reference);
  std::vector<const toml::node*> options = entries_[static_cast<std::size_t>(decision)].written;
  if (field.empty()) return options;
  for (const toml::node*& option : options) option = option->as_table()->get(field);
  return options;
}

void Loader::fill_reference(Slot& slot, std::string_view reference, AttributeTable& table) {
  const auto [decision, field] = shared_decision(reference);
  Entry& entry = entries_[static_cast<std::size_t>(decision)];
  slot.decisions.push_back(decision);
  for (std::size_t i = 0; i < entry.written.size(); ++i) {
    const toml::node* option = entry.written[i];
    if (!field.empty()) {
      const toml::table* bundle = option->as_table();
      if (bundle == nullptr || !bundle->contains(field)) {
        fail(
            *option,
            fmt::format(
                "Option \"{}\" of decision \"{}\" has no \"{}\", which {} takes from it. Write the option as "
                "{{ name = \"{}\", {} = ... }}.",
                entry.options[i], entry.name, field, slot.name, entry.options[i], field));
      }
      entry.fields.emplace(field);
      option = bundle->get(field);
    }
    slot.options.push_back(option_value(*option, slot, table));
  }
}

// One value: a constant of the attribute's kind, or an expression.
OptionValue Loader::option_value(const toml::node& node, const Slot& slot, AttributeTable& table) {
  const AttributeKind kind = slot.kind;
  if (kind == AttributeKind::block) return {};  // read by make_placement
  const auto in_limits = [&](double value) {
    if (value < slot.least || value > slot.most) {
      fail(node, fmt::format("{} cannot be {}: it must lie between {} and {}.", slot.name,
                             exact_number(value), exact_number(slot.least), exact_number(slot.most)));
    }
    return OptionValue{value, -1};
  };
  if (const toml::table* bundle = node.as_table(); bundle != nullptr && bundle->contains("value")) {
    check_keys(*bundle, {"name", "value"}, fmt::format("an option of {}", slot.name));
    return option_value(*bundle->get("value"), slot, table);
  }
  if (const auto truth = node.as_boolean()) {
    if (kind == AttributeKind::boolean || kind == AttributeKind::free) return {truth->get() ? 1.0 : 0.0, -1};
    if (kind == AttributeKind::squeeze_excite) return {truth->get() ? kSeUsesRatio : 0.0, -1};
  } else if (const auto whole = node.as_integer()) {
    const auto value = static_cast<double>(whole->get());
    if (kind == AttributeKind::source)
      return {static_cast<double>(source_index(node, table, std::to_string(whole->get()), slot.name)), -1};
    if (kind == AttributeKind::boolean && (value == 0 || value == 1)) return {value, -1};
    if (takes_integers(kind) || kind == AttributeKind::number || kind == AttributeKind::squeeze_excite ||
        kind == AttributeKind::free)
      return in_limits(value);
  } else if (const auto real = node.as_floating_point()) {
    if (!std::isfinite(real->get())) fail(node, fmt::format("{} is not a finite number.", slot.name));
    if (kind == AttributeKind::number || kind == AttributeKind::squeeze_excite || kind == AttributeKind::free)
      return in_limits(real->get());
    if (takes_integers(kind) && std::floor(real->get()) == real->get()) return in_limits(real->get());
  } else if (const auto text = node.value<std::string>()) {
    if (kind == AttributeKind::source)
      return {static_cast<double>(source_index(node, table, *text, slot.name)), -1};
    if (const std::optional<double> value = named_value(kind, *text)) return {*value, -1};
    // A parameter is read by expressions, where names are texts.
    if (kind == AttributeKind::free && named_value(slot.names, *text))
      return {Value::of_text(text_number(*text)), -1};
    // A lone word that is no name in reach was meant as one of the kind's own names.
    if (has_named_values(kind) && is_plain_name(*text) && !resolve(*text, "", table)) {
      const std::vector<std::string> names = value_names(kind);
      fail(node, fmt::format("{} cannot be \"{}\": it must be {}.{}", slot.name, excerpt(*text),
                             kind_text(kind), names.empty() ? "" : suggestion(*text, names)));
    }
    const auto [id, type] = compile(*text, node.source(), table, slot.name);
    for (const auto& [value, option] : type.values) {
      if (kind == AttributeKind::free || !value.is_text() || option) continue;
      const std::string& given = plan_.texts[static_cast<std::size_t>(value.text)];
      if (!named_value(kind, given))
        fail(node, fmt::format("{} = \"{}\" may give '{}', which it cannot be: it must be {}.{}", slot.name,
                               excerpt(*text), excerpt(given), kind_text(kind),
                               has_named_values(kind) ? suggestion(given, value_names(kind)) : ""));
    }
    const Expression& expression = plan_.expressions[static_cast<std::size_t>(id)];
    // Fixed: found wrong here, though nothing that the probe builds may need it.
    if (expression.decisions.empty() && expression.static_value()) {
      Slot fixed;
      fixed.name = slot.name;
      fixed.place = place(node.source());
      fixed.kind = kind;
      fixed.least = slot.least;
      fixed.most = slot.most;
      fixed.options = {{0, id}};
      return {slot_value(plan_, fixed, {}, 0), -1};
    }
    return {0, id};
  }
  fail(node, fmt::format("{} has the wrong type: it must be {}, or an array of options.", slot.name,
                         kind_text(kind)));
}

int Loader::new_decision(const std::string& name, const std::vector<const toml::node*>& options,
                         const toml::source_region& region, int block) {
  if (name.find_first_of(" \t\r\n=,\"") != std::string::npos || name.empty())
    fail(region,
         fmt::format("\"{}\" cannot name a decision: names hold no blanks, commas, quotes or \"=\".", name));
  if (entry_of_.contains(name))
    fail(region,
         fmt::format("There are two decisions \"{}\"; the other is at {}. Rename one of the stages, blocks "
                     "or decisions.",
                     name, place(entries_[static_cast<std::size_t>(entry_of_.find(name)->second)].region)));
  if (options.empty()) fail(region, fmt::format("Decision \"{}\" has no options. List at least one.", name));
  if (options.size() > 60'000 || entries_.size() > 20'000)
    fail(region, fmt::format("Decision \"{}\" is one too many, or has more than 60000 options.", name));
  Entry entry;
  entry.name = name;
  entry.region = region;
  entry.block = block;
  std::set<std::string> seen;
  for (const toml::node* option : options) {
    const std::string text = option_text(*option);
    if (!seen.insert(text).second)
      fail(*option, fmt::format("Decision \"{}\" has the option \"{}\" twice. Remove one, or name them "
                                "apart: {{ name = ..., ... }}.",
                                name, excerpt(text)));
    entry.options.push_back(text);
    const std::optional<double> number = parse_number(text);
    entry.values.push_back(text == "true"    ? Value(1)
                           : text == "false" ? Value(0)
                           : number          ? Value(*number)
                                             : Value::of_text(text_number(text)));
  }
  const int id = static_cast<int>(entries_.size());
  entry_of_.emplace(name, id);
  entries_.push_back(std::move(entry));
  return id;
}

std::string Loader::option_text(const toml::node& node) const {
  std::string text;
  if (const auto truth = node.as_boolean()) {
    text = truth->get() ? "true" : "false";
  } else if (const auto whole = node.as_integer()) {
    text = std::to_string(whole->get());
  } else if (const auto real = node.as_floating_point()) {
    if (!std::isfinite(real->get())) fail(node, "An option is not a finite number.");
    text = exact_number(real->get());
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
  } else if (const auto words = node.value<std::string>()) {
    text = *words;
  } else if (const toml::table* table = node.as_table()) {
    for (const char* key : {"name", "value", "type"}) {
      if (!table->contains(key)) continue;
      if (table->get(key)->is_table()) break;
      return option_text(*table->get(key));
    }
    fail(node,
         "This option is a table without a name, so candidate files could not name it. Add name = \"...\".");
  } else {
    fail(node, "An option must be a number, true or false, a text or a table.");
  }
  if (text.empty() || text.find_first_of("\t\r\n\"") != std::string::npos || text.front() == ' ' ||
      text.back() == ' ')
    fail(node, fmt::format("\"{}\" cannot name an option: it must not be empty, begin or end with blanks, or "
                           "hold quotes, tabs or "
                           "line ends.",
                           excerpt(text)));
  // Candidates are also written as "name=option name=option", so blanks would be ambiguous there.
  std::erase(text, ' ');
  return text;
}

}  // namespace assay::plan
