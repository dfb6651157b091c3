#include "live_block.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {

int LiveBlock::rows_above(int columns) const {
  int rows = -1;
  for (const BlockLine& line : shown_) rows += std::max(1, (line.width + columns - 1) / columns);
  return std::max(0, rows);
}

std::string LiveBlock::to_begin(int columns) const {
  const int up = rows_above(columns);
  return up > 0 ? fmt::format("\r\033[{}A", up) : "\r";
}

// Lines are overwritten rather than cleared first: a terminal that shows the text half-way shows no gap.
std::string LiveBlock::text() const {
  std::string text;
  for (const BlockLine& line : shown_) text += (text.empty() ? "" : "\r\n") + line.text + "\033[K";
  return text + "\033[J";
}

std::string LiveBlock::draw(const std::vector<BlockLine>& lines, int columns) {
  if (lines == shown_ && columns == columns_) return "";
  const std::string begin = shown() ? to_begin(columns) : "\033[?25l\r";
  shown_ = lines;
  columns_ = columns;
  return begin + text();
}

std::string LiveBlock::print_above(std::string_view above, int columns) const {
  if (!shown()) return std::string(above);
  return to_begin(columns) + "\033[J" + std::string(above) + text();
}

std::string LiveBlock::erase(int columns) {
  if (!shown()) return "";
  std::string text = to_begin(columns) + "\033[J\033[?25h";
  forget();
  return text;
}

}  // namespace assay::cli
