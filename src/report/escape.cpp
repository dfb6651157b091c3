#include "assay/report/escape.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(char c) {
  return (c & 0xC0) == 0x80;
}

// Length of the UTF-8 sequence at the beginning of `text`; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead < 0xE0 ? 2
                             : (lead & 0xF0) == 0xE0     ? 3
                             : (lead & 0xF8) == 0xF0     ? 4
                                                         : 0;
  if (length == 0 || text.size() < length ||
      !std::ranges::all_of(text.substr(1, length - 1), is_continuation))
    return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  // Overlong forms, surrogates, and what lies beyond Unicode.
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90) || lead > 0xF4)
    return 0;
  return length;
}

template <class Escape>
std::string escaped(std::string_view text, Escape&& escape) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const std::string_view other = escape(c);
    if (other.empty()) {
      out += c;
    } else {
      out += other;
    }
  }
  return out;
}

}  // namespace

std::string utf8_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    out += length == 0 ? replacement : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string line_text(std::string_view text) {
  return escaped(utf8_text(text), [](char c) -> std::string_view {
    return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f ? replacement : std::string_view();
  });
}

std::string log_text(std::string_view text) {
  const std::string clean = escaped(utf8_text(text), [](char c) -> std::string_view {
    const bool control = static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f;
    return control && c != '\n' && c != '\t' ? replacement : std::string_view();
  });
  std::string out;
  bool at_start = true;  // spaces before a command do not keep it from being one
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if (at_start && clean.compare(i, 2, "::") == 0) out += '\\';
    out += clean[i];
    at_start = clean[i] == '\n' || (at_start && (clean[i] == ' ' || clean[i] == '\t'));
  }
  return out;
}

std::string xml_text(std::string_view text) {
  std::string clean = utf8_text(text);
  // The two code points of the basic plane that XML forbids beside the control characters.
  for (const std::string_view forbidden : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
    for (std::size_t at = 0; (at = clean.find(forbidden, at)) != std::string::npos;)
      clean.replace(at, forbidden.size(), replacement);
  return escaped(clean, [](char c) -> std::string_view {
    switch (c) {
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      case '\r':
        return "&#13;";  // a parser would make it a line feed
      case '\n':
      case '\t':
        return {};
      default:
        return static_cast<std::uint8_t>(c) < 0x20 ? replacement : std::string_view();
    }
  });
}

std::string xml_attribute(std::string_view text) {
  // A parser would make spaces of line ends.
  return escaped(xml_text(text), [](char c) -> std::string_view {
    return c == '"' ? "&quot;" : c == '\n' ? "&#10;" : c == '\t' ? "&#9;" : std::string_view();
  });
}

std::string markdown_text(std::string_view text) {
  // What begins or ends something within a line; what does so at its beginning only is left alone.
  constexpr std::string_view meaning = "\\`*_[]|~$";
  std::string out;
  for (const char c : utf8_text(text)) {
    if (c == '&' || c == '<' || c == '>') {
      out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;";
    } else if (c == '#') {
      out += "&#35;";  // no reference to an issue
    } else if (c == '@') {
      out += "&#64;";  // a backslash would not keep GitHub from notifying people
    } else {
      if (meaning.find(c) != std::string_view::npos) out += '\\';
      out += static_cast<std::uint8_t>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string workflow_message(std::string_view text) {
  return escaped(utf8_text(text), [](char c) -> std::string_view {
    return c == '%' ? "%25" : c == '\r' ? "%0D" : c == '\n' ? "%0A" : std::string_view();
  });
}

std::string workflow_property(std::string_view text) {
  return escaped(workflow_message(text), [](char c) -> std::string_view {
    return c == ':' ? "%3A" : c == ',' ? "%2C" : std::string_view();
  });
}

}  // namespace assay
