#include "terminal.hpp"

#include "assay/report/escape.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace assay::cli {
namespace {

using namespace std::chrono_literals;

int width_of(int descriptor) {
  winsize size{};
  if (!is_terminal(descriptor)) return 0;
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

int terminal_width() {
  return width_of(STDOUT_FILENO);
}

bool use_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(STDOUT_FILENO) && (no_color == nullptr || *no_color == 0);
}

void note(std::string_view text) {
  fmt::print(stderr, "{}\n", log_text(text));
}

ProgressLine::ProgressLine(bool quiet)
    : quiet_(quiet), live_(is_terminal(STDERR_FILENO)), width_(width_of(STDERR_FILENO)) {
  // A log's first line comes after one interval: short jobs leave none.
  last_ = std::chrono::steady_clock::now() - (live_ ? 1s : 0s);
}

ProgressLine::~ProgressLine() {
  clear();
}

bool ProgressLine::due() {
  if (quiet_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < (live_ ? 100ms : 10000ms)) return false;
  last_ = now;
  return true;
}

void ProgressLine::show(double fraction, std::string_view text) {
  if (quiet_) return;
  if (!live_) {
    fmt::print(stderr, "{}\n", text);
    return;
  }
  std::string line;
  if (fraction >= 0) {
    constexpr int cells = 24;
    const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * cells);
    for (int i = 0; i < cells; ++i) line += i < filled ? "━" : i == filled ? "╸" : " ";
    line += " ";
  }
  const int left = width_ - (fraction >= 0 ? 25 : 0) - 1;
  line += text.substr(0, static_cast<std::size_t>(std::max(0, left)));
  fmt::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) {
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
  }
  shown_ = false;
}

}  // namespace assay::cli
