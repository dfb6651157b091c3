// Lines at the end of a terminal's output that are redrawn in place: the control codes for it, without the
// terminal. Each change is one piece of text to be written at once, so that nothing flickers.
#pragma once

#include "progress_view.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

class LiveBlock {
 public:
  // What puts `lines` where the block stands, on a terminal of `columns`; empty when they stand there
  // already. The cursor is hidden meanwhile, and rests at the end of the last line.
  std::string draw(const std::vector<BlockLine>& lines, int columns);
  // What prints `text`, whole lines, where the block began, and the block below it.
  std::string print_above(std::string_view text, int columns) const;
  // What removes the block: the cursor, visible again, is where the block began.
  std::string erase(int columns);
  // Something else has removed it.
  void forget() { shown_.clear(); }

  // Lines of the terminal above the cursor's that the block takes. Terminals wrap lines that no longer fit
  // when they become narrower.
  int rows_above(int columns) const;
  bool shown() const { return !shown_.empty(); }

 private:
  std::string to_begin(int columns) const;
  std::string text() const;

  std::vector<BlockLine> shown_;
  int columns_ = 0;
};

}  // namespace assay::cli
