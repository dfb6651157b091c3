#include "manual.hpp"

#include "assay/base/text.hpp"

#include "common.hpp"
#include "overview.hpp"

#include <cctype>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// One character of UTF-8 text at `at`, which moves behind it. What is no UTF-8 is taken as Latin-1.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const unsigned char first = byte(at++);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  std::uint32_t character = more == 0 ? first : first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) character = character << 6 | (byte(at++) & 0x3Fu);
  return character;
}

// Text as roff prints it unchanged: hyphens that can be copied to a shell, no character that means something.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t character = next_character(text, at);
    switch (character) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += character < 0x80 ? std::string(1, static_cast<char>(character))
                                : fmt::format("\\[u{:04X}]", character);
    }
  }
  return out;
}

// A line of text: a dot at its beginning would be taken for a request.
std::string line(std::string_view text) {
  const std::string out = escaped(text);
  return (out.starts_with('.') ? "\\&" : "") + out + "\n";
}

std::string heading(std::string_view title) {
  return fmt::format(".SH {}\n", escaped(title));
}

std::string literal(std::string_view text) {
  std::string out = ".nf\n";
  for (const std::string_view part : split(text, '\n')) out += part.empty() ? ".sp\n" : line(part);
  return out + ".fi\n";
}

// Blocks of lines that are indented stay as they are; all else is filled.
std::string paragraphs(std::string_view text) {
  std::vector<std::string> blocks;
  bool indented = false, open = false;
  for (const std::string_view part : split(text, '\n')) {
    if (part.empty() || (open && part.starts_with(' ') != indented)) open = false;
    if (part.empty()) continue;
    indented = part.starts_with(' ');
    if (open) {
      blocks.back() += "\n" + std::string(part);
    } else {
      blocks.emplace_back(part);
    }
    open = true;
  }
  std::string out;
  for (const std::string& block : blocks) {
    if (!out.empty()) out += ".PP\n";
    if (block.starts_with(' ')) {
      out += literal(block);
    } else {
      for (const std::string_view part : split(block, '\n')) out += line(part);
    }
  }
  return out;
}

std::string title(std::string_view name) {
  std::string upper;
  for (const char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format(".\\\" Written by: assay man\n.TH {} 1 \"\" \"assay {}\" \"assay manual\"\n",
                     escaped(upper), assay_version);
}

std::string option_entry(const OptionSpec& option) {
  std::string out = fmt::format(".TP\n\\fB{}\\fR", escaped("--" + option.name));
  if (!option.value.empty()) out += fmt::format(" \\fI{}\\fR", escaped(option.value));
  out += "\n" + line(option.help);
  if (!option.initial.empty()) out += line(fmt::format("(default {})", option.initial));
  return out;
}

std::string meanings(std::span<const Meaning> all) {
  std::string out;
  for (const Meaning& one : all) out += fmt::format(".TP\n.B {}\n{}", escaped(one.name), line(one.text));
  return out;
}

}  // namespace

std::string manual_page(const Command& command) {
  std::string out = title("assay-" + command.name);
  out += heading("NAME") + fmt::format("assay\\-{} \\- {}\n", command.name, escaped(command.summary));
  out += heading("SYNOPSIS");
  out += fmt::format("\\fBassay {}\\fR \\fI{}\\fR [\\fIoptions\\fR]\n", escaped(command.name),
                     escaped(command.positionals));
  out += heading("DESCRIPTION") + paragraphs(command.description);
  out += heading("OPTIONS");
  for (const OptionGroup& group : command.groups) {
    out += fmt::format(".SS {}\n", escaped(group.title));
    for (const OptionSpec& option : group.options) out += option_entry(option);
  }
  out += heading("EXAMPLES") + literal(command.example);
  out += heading("SEE ALSO") + ".BR assay (1)\n";
  return out;
}

std::string manual_page(std::span<const Command> commands) {
  std::string out = title("assay");
  out += heading("NAME") + "assay \\- " + line("pick neural architectures before training them");
  out += heading("SYNOPSIS") + "\\fBassay\\fR \\fICOMMAND\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]\n";
  out += heading("DESCRIPTION") + paragraphs(program_description) + ".PP\n" + paragraphs(output_rule);
  out += heading("COMMANDS") + "Each has a page of its own.\n";
  for (const Command& command : commands)
    out += fmt::format(".TP\n.BR assay\\-{} (1)\n{}", escaped(command.name), line(command.summary));
  out += heading("EXIT STATUS") + meanings(exit_codes);
  out += heading("ENVIRONMENT") + meanings(environment);
  return out;
}

}  // namespace assay::cli
