// Curating a space: other options in the author's own file. Comments, order and layout stay; what changes is
// the text of option lists, and comment lines above them that say why.
#pragma once

#include "assay/space/space.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// A list of options as it stands in the file. Several decisions may take their options from one list (a dense
// cell's edges, `each_block`). What stands alone where a list may stand, and is of interest here, counts as a
// list of one that no decision reads: a stage's block ("ibn"), its channels, the depth multiplier.
struct OptionList {
  std::string name;  // of the first decision, or of what the lone value stands for: "stage1.block"
  std::vector<std::size_t> decisions;  // indices into Space::decisions()
  std::vector<std::string> options;    // their texts
  bool numbers = false;                // all are plain numbers, so that other numbers may join them
};

struct OptionListEdit {
  std::size_t list = 0;  // index into SpaceFile::option_lists()
  // The new options in order: not empty, no text twice. Those that the list has keep the form in which they
  // are written; others must be numbers in a list of numbers, or the names of blocks in a list of blocks.
  std::vector<std::string> options;
  std::vector<std::string> comments;  // lines above the list, without '#'
};

struct SpaceEdit {
  std::vector<std::string> header;  // comment lines at the top of the file, without '#'
  std::vector<OptionListEdit> lists;
  std::optional<int> channel_divisor;
  std::vector<std::string> divisor_comments;
  std::vector<std::string> depth_multiplier;  // ratios, for a space that has none; empty: none is added
};

class SpaceFile {
 public:
  // Both throw what Space::load and Space::parse throw.
  static SpaceFile load(const std::string& path);
  SpaceFile(std::string text, std::string source);

  const std::string& text() const { return text_; }
  const Space& space() const { return space_; }
  std::span<const OptionList> option_lists() const { return lists_; }
  bool has_depth_multiplier() const { return has_depth_multiplier_; }
  int channel_divisor() const { return channel_divisor_; }

  // The edited text. An edit without lists, divisor and multipliers gives the text itself below the header.
  // Not checked here: whether the space is still a good one, which Space::parse tells (an expression may name
  // an option that is gone).
  std::string rewrite(const SpaceEdit& edit) const;

 private:
  // Where a value stands in text_, in bytes.
  struct Extent {
    std::size_t begin = 0, end = 0;
  };

  void find_lists();

  std::string text_;
  Space space_;
  std::vector<OptionList> lists_;
  std::vector<Extent> extents_;  // of lists_
  bool has_depth_multiplier_ = false;
  int channel_divisor_ = 0;
  std::optional<Extent> divisor_;
  std::size_t insertion_ = 0;  // where new keys of the space itself may stand
};

}  // namespace assay
