#include "assay/report/escape.hpp"
#include "assay/report/markdown.hpp"

#include "run_sections.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {
namespace {

// A comment on GitHub holds 65,536 characters.
constexpr std::size_t most_characters = 60'000;
constexpr std::size_t most_line = 2'000;  // of names and commands as they were given

std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  text.resize(most);
  return utf8_text(text) + " ...";
}

// A fence that no line of the block can end.
std::string code_block(const std::vector<std::string>& lines) {
  std::string content;
  std::size_t longest = 2, run = 0;
  for (const std::string& line : lines) content += cut(line_text(line), most_line) + "\n";
  for (const char c : content) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}text\n{}{}\n", fence, content, fence);
}

std::string section_text(const RunSection& section) {
  std::string text;
  for (std::size_t i = 0; i < section.sentences.size(); ++i) {
    const std::string sentence = markdown_text(cut(section.sentences[i], most_line));
    text += section.title.empty() && i == 0 ? fmt::format("**{}**\n", sentence) : sentence + "\n";
    if (i + 1 < section.sentences.size()) text += "\n";
  }
  if (section.table) text += "\n" + markdown_table(*section.table);
  if (!section.lines.empty()) text += "\n" + code_block(section.lines);
  return text;
}

}  // namespace

std::string to_markdown(const RunReport& report) {
  std::string text =
      fmt::format("<!-- assay report -->\n### Search in {}\n\n", markdown_text(report.space_name));
  std::size_t left_out = 0;
  for (const RunSection& section : run_sections(report)) {
    std::string part = section_text(section);
    // The answer stands open, the rest is folded.
    if (!section.title.empty())
      part = fmt::format("\n<details><summary>{}</summary>\n\n{}\n</details>\n", section.title, part);
    if (text.size() + part.size() + 200 > most_characters)
      ++left_out;
    else
      text += part;
  }
  if (left_out > 0)
    text +=
        fmt::format("\n{} sections are too long to stand here; the report as HTML holds them.\n", left_out);
  return text;
}

}  // namespace assay
