// The text of TOML values, for edits that leave everything around them as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::toml_text {

// Byte offset of a line and column as toml++ counts them: both from 1, columns in code points.
std::size_t offset_of(std::string_view text, std::uint32_t line, std::uint32_t column);

// First byte after the value that begins at `begin`. The text must be valid TOML.
std::size_t value_end(std::string_view text, std::size_t begin);

// An array taken apart so that it can be put together again with other elements: "[", then for each element
// `before` + `value` + "," + `after`, then `rest`, which ends with "]". `after` is what follows the comma up
// to the end of its line: mostly nothing, or the comment on the element.
struct ArrayText {
  struct Element {
    std::string before, value, after;
  };
  std::vector<Element> elements;
  std::string rest;

  bool one_line() const;
  std::string text() const;
};
ArrayText take_apart(std::string_view array);

}  // namespace assay::toml_text
