#include "toml_text.hpp"

#include "assay/base/error.hpp"

#include <algorithm>

namespace assay::toml_text {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::size_t string_end(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::string three(3, quote);
  const bool long_form = text.substr(begin, 3) == three;
  std::size_t at = begin + (long_form ? 3 : 1);
  while (at < text.size()) {
    if (quote == '"' && text[at] == '\\') {
      at += 2;
    } else if (long_form && text.substr(at, 3) == three) {
      // Up to two quotes may stand before the closing three.
      while (text.substr(at + 1, 3) == three) ++at;
      return at + 3;
    } else if (!long_form && text[at] == quote) {
      return at + 1;
    } else {
      ++at;
    }
  }
  throw InternalError("a TOML string has no end");
}

// Past blanks and comments.
std::size_t skip_blank(std::string_view text, std::size_t at) {
  for (;;) {
    at = std::min(text.find_first_not_of(kBlank, at), text.size());
    if (at == text.size() || text[at] != '#') return at;
    at = std::min(text.find('\n', at), text.size());
  }
}

}  // namespace

std::size_t offset_of(std::string_view text, std::uint32_t line, std::uint32_t column) {
  std::size_t at = 0;
  for (std::uint32_t l = 1; l < line; ++l) at = text.find('\n', at) + 1;
  // A byte-order mark is no column.
  if (line == 1 && text.starts_with("\xEF\xBB\xBF")) at = 3;
  for (std::uint32_t c = 1; c < column; ++c) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) ++at;
  }
  return at;
}

std::size_t value_end(std::string_view text, std::size_t begin) {
  const char first = text.at(begin);
  if (first == '"' || first == '\'') return string_end(text, begin);
  if (first != '[' && first != '{') return std::min(text.find_first_of(" \t\r\n,]}#", begin), text.size());
  std::size_t at = begin + 1;
  for (int depth = 1; depth > 0;) {
    at = skip_blank(text, at);
    if (at == text.size()) throw InternalError("a TOML value has no end");
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = string_end(text, at);
      continue;
    }
    depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    ++at;
  }
  return at;
}

bool ArrayText::one_line() const {
  return rest.find('\n') == std::string::npos && std::ranges::none_of(elements, [](const Element& e) {
           return (e.before + e.after).find('\n') != std::string::npos;
         });
}

std::string ArrayText::text() const {
  // Comments end only with their line, so whatever holds lines keeps its commas; TOML allows the last one.
  const bool last_comma = !one_line();
  std::string text = "[";
  for (std::size_t i = 0; i < elements.size(); ++i) {
    text += elements[i].before + elements[i].value;
    if (last_comma || i + 1 < elements.size()) text += ",";
    text += elements[i].after;
  }
  return text + rest;
}

ArrayText take_apart(std::string_view array) {
  ArrayText result;
  std::size_t at = 1;
  for (;;) {
    const std::size_t value = skip_blank(array, at);
    if (array[value] == ']') break;
    const std::size_t end = value_end(array, value);
    ArrayText::Element element{.before = std::string(array.substr(at, value - at)),
                               .value = std::string(array.substr(value, end - value)),
                               .after = {}};
    const std::size_t comma = skip_blank(array, end);
    at = array[comma] == ',' ? comma + 1 : end;
    if (array[comma] == ',' && comma > end) element.after = array.substr(end, comma - end);
    // The comment behind an element speaks of it.
    const std::size_t text_end = std::min(array.find_first_not_of(" \t", at), array.size());
    if (array[text_end] == '#') {
      std::size_t line_end = std::min(array.find('\n', at), array.size());
      if (array[line_end - 1] == '\r') --line_end;
      element.after += array.substr(at, line_end - at);
      at = line_end;
    }
    result.elements.push_back(std::move(element));
  }
  result.rest = array.substr(at);
  return result;
}

}  // namespace assay::toml_text
