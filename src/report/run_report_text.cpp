#include "assay/report/escape.hpp"

#include "run_sections.hpp"

#include <fmt/format.h>

namespace assay {

std::string to_text(const RunReport& report, int width, bool colour) {
  std::string text;
  for (const RunSection& section : run_sections(report)) {
    if (!section.title.empty())
      text +=
          colour ? fmt::format("\n\033[1m{}\033[0m\n", section.title) : fmt::format("\n{}\n", section.title);
    for (const std::string& sentence : section.sentences) text += line_text(sentence) + "\n";
    if (section.table) text += (text.empty() ? "" : "\n") + section.table->to_text(width, colour);
    for (const std::string& line : section.lines) text += line_text(line) + "\n";
  }
  return text;
}

}  // namespace assay
