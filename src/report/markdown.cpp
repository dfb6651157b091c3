#include "assay/report/markdown.hpp"

#include "assay/report/escape.hpp"

#include <fmt/format.h>

namespace assay {

std::string markdown_table(const Table& table) {
  std::vector<std::size_t> shown;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (!table.columns[c].heading.empty()) shown.push_back(c);
  std::string text = "|", rule = "|";
  for (const std::size_t c : shown) {
    text += fmt::format(" {} |", markdown_text(table.columns[c].heading));
    rule += table.columns[c].style == Style::text ? " --- |" : " ---: |";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (const std::size_t c : shown)
      text += fmt::format(" {} |", markdown_text(readable(row[c], table.columns[c].style)));
    text += "\n";
  }
  return text;
}

std::string markdown_bullets(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += fmt::format("- {}\n", markdown_text(sentence));
  return text;
}

}  // namespace assay
