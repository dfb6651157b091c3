#include "assay/base/toml_table.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace assay {
namespace {

TextPlace place_of(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

std::string place_text(const std::string& source, const TextPlace& place) {
  return fmt::format("{}:{}:{}", source, place.line, place.column);
}

}  // namespace

// A table within a document, which it keeps alive.
struct TomlTable::Node {
  std::shared_ptr<const toml::table> document;
  const toml::table* table = nullptr;
};

TomlTable TomlTable::parse(std::string_view toml, const std::string& source, Keys known) {
  try {
    auto document = std::make_shared<const toml::table>(toml::parse(toml, source));
    const toml::table* table = document.get();
    return TomlTable(std::make_shared<const Node>(std::move(document), table), source, "", known);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}: this is not TOML: {}. Correct the line.",
                                 place_text(source, place_of(error.source())), error.description()));
  }
}

TomlTable::TomlTable(std::shared_ptr<const Node> node, std::string source, std::string name, Keys known)
    : node_(std::move(node)), source_(std::move(source)), name_(std::move(name)) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : *node_->table) {
    if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
    throw InputError(fmt::format("{}: unknown key \"{}\".{}", place_text(source_, place_of(key.source())),
                                 full_name(key.str()), suggestion(key.str(), names)));
  }
}

bool TomlTable::has(std::string_view key) const {
  return node_->table->contains(key);
}

std::optional<double> TomlTable::number(std::string_view key, Range range) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) fail_type(key, "a number");
  const double value = *node->value<double>();
  if (!std::isfinite(value) || value < range.min || value > range.max) {
    fail(key, fmt::format("is {}. Give a number from {} to {}.", value, range.min, range.max));
  }
  return value;
}

std::optional<int> TomlTable::integer(std::string_view key, Range range) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) fail_type(key, "an integer");
  const auto value = *node->value<std::int64_t>();
  if (static_cast<double>(value) < range.min || static_cast<double>(value) > range.max) {
    fail(key, fmt::format("is {}. Give an integer from {} to {}.", value, range.min, range.max));
  }
  return static_cast<int>(value);
}

std::optional<bool> TomlTable::boolean(std::string_view key) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) fail_type(key, "true or false");
  return node->value<bool>();
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) fail_type(key, "a text in quotes");
  return node->value<std::string>();
}

std::optional<std::vector<std::string>> TomlTable::texts(std::string_view key) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_array()) fail_type(key, "an array of texts");
  std::vector<std::string> values;
  for (const toml::node& element : *node->as_array()) {
    if (!element.is_string()) fail_type(key, "an array of texts");
    values.push_back(*element.value<std::string>());
  }
  return values;
}

std::optional<std::vector<std::string>> TomlTable::text_or_texts(std::string_view key) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (node->is_string()) return std::vector<std::string>{*node->value<std::string>()};
  if (!node->is_array()) fail_type(key, "a text in quotes, or an array of texts");
  return texts(key);
}

std::optional<std::size_t> TomlTable::choice(std::string_view key,
                                             const std::vector<std::string>& options) const {
  const std::optional<std::string> value = text(key);
  if (!value) return std::nullopt;
  const auto found = std::find(options.begin(), options.end(), *value);
  if (found == options.end()) {
    fail(key, fmt::format("is \"{}\", which is not known.{}", *value, suggestion(*value, options)));
  }
  return static_cast<std::size_t>(found - options.begin());
}

TomlTable TomlTable::table(std::string_view key, Keys known) const {
  static const toml::table nothing;
  const toml::node* node = node_->table->get(key);
  if (node != nullptr && !node->is_table()) fail_type(key, fmt::format("a table: write [{}]", key));
  const toml::table* table = node == nullptr ? &nothing : node->as_table();
  return TomlTable(std::make_shared<const Node>(node_->document, table), source_, full_name(key), known);
}

std::vector<TomlTable> TomlTable::tables(std::string_view key, Keys known) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return {};
  std::vector<TomlTable> tables;
  const auto expect = [&](bool holds) {
    if (!holds) fail_type(key, fmt::format("an array of tables: write [[{}]]", full_name(key)));
  };
  expect(node->is_array());
  for (const toml::node& element : *node->as_array()) {
    expect(element.is_table());
    tables.push_back(TomlTable(std::make_shared<const Node>(node_->document, element.as_table()), source_,
                               full_name(key), known));
  }
  return tables;
}

std::vector<TomlElement> TomlTable::elements(std::string_view key, Keys known) const {
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return {};
  std::vector<TomlElement> elements;
  const auto add = [&](const toml::node& each) {
    TomlElement element{.number = std::nullopt, .table = std::nullopt, .place = place_of(each.source())};
    if (each.is_number()) {
      element.number = *each.value<double>();
    } else if (each.is_table()) {
      element.table = TomlTable(std::make_shared<const Node>(node_->document, each.as_table()), source_,
                                full_name(key), known);
    } else {
      fail_type(key, "a number, a table, or an array of them");
    }
    elements.push_back(std::move(element));
  };
  if (!node->is_array()) {
    add(*node);
    return elements;
  }
  for (const toml::node& each : *node->as_array()) add(each);
  return elements;
}

TextPlace TomlTable::place(std::string_view key) const {
  const toml::node* node = key.empty() ? nullptr : node_->table->get(key);
  return place_of((node != nullptr ? *node : *node_->table).source());
}

void TomlTable::fail(std::string_view key, const std::string& cause_and_remedy) const {
  throw InputError(
      fmt::format("{}: \"{}\" {}", place_text(source_, place(key)), full_name(key), cause_and_remedy));
}

void TomlTable::fail_missing(std::string_view key) const {
  throw InputError(fmt::format("{}: the key \"{}\" is missing. Add it.", source_, full_name(key)));
}

void TomlTable::fail_type(std::string_view key, std::string_view expected) const {
  fail(key, fmt::format("must be {}.", expected));
}

std::string TomlTable::full_name(std::string_view key) const {
  if (name_.empty() || key.empty()) return name_ + std::string(key);
  return fmt::format("{}.{}", name_, key);
}

}  // namespace assay
