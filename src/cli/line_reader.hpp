// Lines of a file or a pipe, as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct Line {
  std::string_view text;  // without its end; until the next call of LineReader::next
  std::int64_t number = 0;
  bool too_long = false;  // longer than LineReader::longest: its text is left out
};

// Answers never wait for lines that have not been written yet: a program that writes one line and waits for
// the answer gets it. Memory does not depend on the length of the input, nor on that of a line.
class LineReader {
 public:
  static constexpr std::size_t longest = std::size_t{1} << 20;

  // "-" is standard input. Throws InputError when the file cannot be read.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Waits for `least` lines and takes those that have come with them, `most` at most; fewer than `least` only
  // at the end. None: the input has ended, or the user has interrupted. Blank lines are counted, but left
  // out; the last line need not be ended.
  std::span<const Line> next(std::size_t least, std::size_t most);

 private:
  struct Found {  // a line in the buffer
    std::size_t begin, end;
    std::int64_t number;
    bool too_long;
  };
  void find_lines(std::size_t most);
  void add_line(std::size_t end);
  bool wait(bool patiently) const;
  void read_more();

  std::string name_;  // in messages
  int descriptor_;
  bool ended_ = false;
  // Bytes begin_ .. end_ of the buffer are still to be handed out; up to scanned_ they hold no line feed.
  std::vector<char> buffer_;
  std::size_t begin_ = 0, scanned_ = 0, end_ = 0;
  bool skipping_ = false;    // within a line that is too long
  std::int64_t number_ = 1;  // of the line at begin_
  std::vector<Found> found_;
  std::vector<Line> lines_;
};

}  // namespace assay::cli
