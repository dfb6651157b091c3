// What is behind the program's standard streams, and notes for whoever sits there.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace assay::cli {

bool is_terminal(int descriptor);
struct TerminalSize {
  int columns = 80, rows = 24;  // what is usual where there is no terminal
};
TerminalSize terminal_size(int descriptor);
// Columns of the terminal behind standard output; 0 when it is none.
int terminal_width();
// Colours on standard output: a terminal, and NO_COLOR is not set.
bool use_colour();

// A line for people on standard error; it goes well with progress there (console.hpp).
void note(std::string_view text);

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace assay::cli
