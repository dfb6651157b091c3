// Strict reading of one TOML table: keys that nobody knows are errors from the start, values are checked
// against their type and range, and every message carries file:line:column.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace assay {

struct Range {
  double min = 0;
  double max = 0;
};

class TomlTable {
 public:
  // `name` is the table's name in messages, empty for the file itself. Throws InputError for a key outside
  // `known`.
  TomlTable(const toml::table& table, std::string source, std::string name,
            std::initializer_list<std::string_view> known);

  bool has(std::string_view key) const { return table_.contains(key); }

  // nullopt when the key is missing. Throw InputError for a wrong type or a value outside the range.
  std::optional<double> number(std::string_view key, Range range) const;
  std::optional<int> integer(std::string_view key, Range range) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::vector<std::string>> texts(std::string_view key) const;
  // The index of the value in `options`.
  std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& options) const;
  // A missing table reads as an empty one.
  TomlTable table(std::string_view key, std::initializer_list<std::string_view> known) const;

  template <class T>
  T required(std::string_view key, std::optional<T> value) const {
    if (!value) fail_missing(key);
    return *std::move(value);
  }

  [[noreturn]] void fail(std::string_view key, const std::string& cause_and_remedy) const;

 private:
  [[noreturn]] void fail_missing(std::string_view key) const;
  [[noreturn]] void fail_type(std::string_view key, std::string_view expected) const;
  std::string full_name(std::string_view key) const;

  const toml::table& table_;
  std::string source_;
  std::string name_;
};

}  // namespace assay
