#include "terminal.hpp"

#include "console.hpp"

#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace assay::cli {

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

TerminalSize terminal_size(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

int terminal_width() {
  return is_terminal(STDOUT_FILENO) ? terminal_size(STDOUT_FILENO).columns : 0;
}

bool use_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(STDOUT_FILENO) && (no_color == nullptr || *no_color == 0);
}

void note(std::string_view text) {
  Console::get().note(text);
}

}  // namespace assay::cli
