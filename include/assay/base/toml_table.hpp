// Strict reading of TOML: keys that nobody knows are errors from the start, values are checked against their
// type and range, and every message carries file:line:column.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct Range {
  double min = 0;
  double max = 0;
};

struct TextPlace {
  int line = 0, column = 0;  // from 1
};

struct TomlElement;

// One table of a file. The tables within it stay valid as long as any of them lives.
class TomlTable {
 public:
  using Keys = std::initializer_list<std::string_view>;

  // The file itself. Throws InputError naming `source` and the place for what is no TOML, and for a key
  // outside `known`.
  static TomlTable parse(std::string_view toml, const std::string& source, Keys known);

  bool has(std::string_view key) const;

  // nullopt when the key is missing. Throw InputError for a wrong type or a value outside the range.
  std::optional<double> number(std::string_view key, Range range) const;
  std::optional<int> integer(std::string_view key, Range range) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::vector<std::string>> texts(std::string_view key) const;
  // A text, or an array of them.
  std::optional<std::vector<std::string>> text_or_texts(std::string_view key) const;
  // The index of the value in `options`.
  std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& options) const;
  // A missing table reads as an empty one.
  TomlTable table(std::string_view key, Keys known) const;
  // Every [[key]]; none where the key is missing.
  std::vector<TomlTable> tables(std::string_view key, Keys known) const;

  // A number, a table with the keys `known`, or an array of both. None where the key is missing.
  std::vector<TomlElement> elements(std::string_view key, Keys known) const;

  template <class T>
  T required(std::string_view key, std::optional<T> value) const {
    if (!value) fail_missing(key);
    return *std::move(value);
  }

  // Where the key's value stands, or the table where there is no such key.
  TextPlace place(std::string_view key = {}) const;
  [[noreturn]] void fail(std::string_view key, const std::string& cause_and_remedy) const;

 private:
  struct Node;
  TomlTable(std::shared_ptr<const Node> node, std::string source, std::string name, Keys known);

  [[noreturn]] void fail_missing(std::string_view key) const;
  [[noreturn]] void fail_type(std::string_view key, std::string_view expected) const;
  std::string full_name(std::string_view key) const;

  std::shared_ptr<const Node> node_;
  std::string source_;
  std::string name_;  // in messages; empty for the file itself
};

// A value that may be written in a short way, as a number, or at length, as a table.
struct TomlElement {
  std::optional<double> number;
  std::optional<TomlTable> table;
  TextPlace place;
};

}  // namespace assay
