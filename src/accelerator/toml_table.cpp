#include "toml_table.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

std::string place(const std::string& source, const toml::source_region& region) {
  return fmt::format("{}:{}:{}", source, region.begin.line, region.begin.column);
}

}  // namespace

TomlTable::TomlTable(const toml::table& table, std::string source, std::string name,
                     std::initializer_list<std::string_view> known)
    : table_(table), source_(std::move(source)), name_(std::move(name)) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : table_) {
    if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
    throw InputError(fmt::format("{}: unknown key \"{}\".{}", place(source_, key.source()),
                                 full_name(key.str()), suggestion(key.str(), names)));
  }
}

std::optional<double> TomlTable::number(std::string_view key, Range range) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) fail_type(key, "a number");
  const double value = *node->value<double>();
  if (!std::isfinite(value) || value < range.min || value > range.max) {
    fail(key, fmt::format("is {}. Give a number from {} to {}.", value, range.min, range.max));
  }
  return value;
}

std::optional<int> TomlTable::integer(std::string_view key, Range range) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) fail_type(key, "an integer");
  const auto value = *node->value<std::int64_t>();
  if (static_cast<double>(value) < range.min || static_cast<double>(value) > range.max) {
    fail(key, fmt::format("is {}. Give an integer from {} to {}.", value, range.min, range.max));
  }
  return static_cast<int>(value);
}

std::optional<bool> TomlTable::boolean(std::string_view key) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) fail_type(key, "true or false");
  return node->value<bool>();
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) fail_type(key, "a text in quotes");
  return node->value<std::string>();
}

std::optional<std::vector<std::string>> TomlTable::texts(std::string_view key) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_array()) fail_type(key, "an array of texts");
  std::vector<std::string> values;
  for (const toml::node& element : *node->as_array()) {
    if (!element.is_string()) fail_type(key, "an array of texts");
    values.push_back(*element.value<std::string>());
  }
  return values;
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

TomlTable TomlTable::table(std::string_view key, std::initializer_list<std::string_view> known) const {
  static const toml::table nothing;
  const toml::node* node = table_.get(key);
  if (node != nullptr && !node->is_table()) fail_type(key, fmt::format("a table: write [{}]", key));
  return TomlTable(node == nullptr ? nothing : *node->as_table(), source_, full_name(key), known);
}

void TomlTable::fail(std::string_view key, const std::string& cause_and_remedy) const {
  const toml::node* node = table_.get(key);
  throw InputError(fmt::format("{}: \"{}\" {}", place(source_, (node ? *node : table_).source()),
                               full_name(key), cause_and_remedy));
}

void TomlTable::fail_missing(std::string_view key) const {
  throw InputError(fmt::format("{}: the key \"{}\" is missing. Add it.", source_, full_name(key)));
}

void TomlTable::fail_type(std::string_view key, std::string_view expected) const {
  fail(key, fmt::format("must be {}.", expected));
}

std::string TomlTable::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

}  // namespace assay
