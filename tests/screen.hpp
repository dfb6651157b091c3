// What a terminal shows of a program's output: enough of its control codes for assay's, wrapped lines and
// narrowing included.
#pragma once

#include "../src/cli/text_width.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace cli_test {

class Screen {
 public:
  explicit Screen(int columns) : columns_(columns) { rows_.emplace_back(); }

  // A piece may end within a code or a character: the next one goes on.
  void write(std::string_view bytes) {
    pending_ += bytes;
    std::size_t used = 0;
    while (const std::size_t size = first_unit(std::string_view(pending_).substr(used))) {
      put(std::string_view(pending_).substr(used, size));
      used += size;
    }
    pending_.erase(0, used);
  }

  // Lines that no longer fit are wrapped, as terminals of today do.
  void resize(int columns) {
    std::vector<Row> old = std::move(rows_);
    const std::size_t cursor_row = row_;
    const int cursor_column = column_;
    rows_.clear();
    columns_ = columns;
    for (std::size_t i = 0; i < old.size(); ++i) {
      std::vector<std::string> cells = old[i].cells;
      while (old[i].goes_on && i + 1 < old.size()) {
        ++i;
        cells.insert(cells.end(), old[i].cells.begin(), old[i].cells.end());
      }
      const auto width = static_cast<std::size_t>(columns);
      std::size_t at = 0;
      do {
        const std::size_t end = std::min(cells.size(), at + width);
        Row row;
        row.cells.assign(cells.begin() + static_cast<std::ptrdiff_t>(at),
                         cells.begin() + static_cast<std::ptrdiff_t>(end));
        row.goes_on = end < cells.size();
        rows_.push_back(std::move(row));
        at = end;
      } while (at < cells.size());
      // The program's cursor rests at the end of the last line.
      if (i >= cursor_row) {
        row_ = rows_.size() - 1;
        column_ = std::min(cursor_column, static_cast<int>(rows_.back().cells.size()));
      }
    }
  }

  bool cursor_visible() const { return visible_; }
  bool coloured() const { return coloured_; }
  // Without spaces at the ends of lines, and empty lines at the end.
  std::string text() const {
    std::string text;
    for (const Row& row : rows_) {
      for (const std::string& cell : row.cells) text += cell;
      if (row.goes_on) continue;
      text.erase(text.find_last_not_of(' ') + 1);
      text += '\n';
    }
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }

 private:
  struct Row {
    std::vector<std::string> cells;  // a character each; empty behind a wide one
    bool goes_on = false;            // in the next row: it was wrapped
  };

  // Bytes of the first code or character; 0 when it has not come as a whole.
  static std::size_t first_unit(std::string_view text) {
    if (text.empty()) return 0;
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead == 0x1b) {
      if (text.size() < 2) return 0;
      REQUIRE(text[1] == '[');
      for (std::size_t i = 2; i < text.size(); ++i)
        if (text[i] >= 0x40) return i + 1;
      return 0;
    }
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return text.size() < size ? 0 : size;
  }

  void put(std::string_view unit) {
    if (unit == "\r") {
      column_ = 0;
    } else if (unit == "\n") {
      if (++row_ == rows_.size()) rows_.emplace_back();
    } else if (unit[0] == '\033') {
      command(unit.substr(2));
    } else {
      REQUIRE(static_cast<unsigned char>(unit[0]) >= 0x20);
      character(unit);
    }
  }

  void character(std::string_view unit) {
    const int width = assay::cli::display_width(unit);
    if (column_ + width > columns_) {
      rows_[row_].goes_on = true;
      if (++row_ == rows_.size()) rows_.emplace_back();
      column_ = 0;
    }
    std::vector<std::string>& cells = rows_[row_].cells;
    const auto end = static_cast<std::size_t>(column_ + width);
    if (cells.size() < end) cells.resize(end, " ");
    cells[static_cast<std::size_t>(column_)] = unit;
    for (int i = 1; i < width; ++i) cells[static_cast<std::size_t>(column_ + i)].clear();
    column_ += width;
  }

  void command(std::string_view code) {
    if (code == "?25l" || code == "?25h") {
      visible_ = code == "?25h";
    } else if (code.back() == 'm') {
      coloured_ = true;
    } else if (code.back() == 'A') {
      const auto rows = static_cast<std::size_t>(std::stoi(std::string(code)));
      REQUIRE(rows <= row_);
      row_ -= rows;
    } else if (code == "K" || code == "J") {
      Row& row = rows_[row_];
      row.goes_on = false;
      row.cells.resize(std::min(row.cells.size(), static_cast<std::size_t>(column_)));
      if (code == "J") rows_.resize(row_ + 1);
    } else {
      FAIL("a code that is not known: ", std::string(code));
    }
  }

  int columns_;
  std::vector<Row> rows_;
  std::size_t row_ = 0;
  int column_ = 0;
  bool visible_ = true, coloured_ = false;
  std::string pending_;
};

}  // namespace cli_test
