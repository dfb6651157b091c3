// Standard error as people see it: one live line on a terminal, plain lines at intervals in a log, nothing
// when quiet.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace assay::cli {

bool is_terminal(int descriptor);
// Columns of the terminal behind standard output; 0 when it is none.
int terminal_width();
// Colours on standard output: a terminal, and NO_COLOR is not set.
bool use_colour();

// A line for people on standard error.
void note(std::string_view text);

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Whether it is time for a new state (ten times a second on a terminal, every ten seconds in a log): asks
  // before the text is made.
  bool due();
  // `fraction` in [0, 1] draws a bar on a terminal; negative: none.
  void show(double fraction, std::string_view text);
  // Removes the live line so that other output can stand there.
  void clear();

 private:
  bool quiet_, live_;
  int width_ = 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

// Estimates the time left from the share that is done.
class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace assay::cli
