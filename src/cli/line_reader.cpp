#include "line_reader.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "interrupt.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace assay::cli {
namespace {

// What a pipe holds, so that one call empties it.
constexpr std::size_t chunk = 1 << 16;
// Of very long lines fewer are taken at a time.
constexpr std::size_t most_bytes = std::size_t{1} << 24;

}  // namespace

LineReader::LineReader(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  descriptor_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", path, std::strerror(errno)));
}

LineReader::~LineReader() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

std::span<const Line> LineReader::next(std::size_t least, std::size_t most) {
  found_.clear();
  lines_.clear();
  if (begin_ >= chunk) {  // the lines of the last call are done with
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  for (;;) {
    find_lines(most);
    const bool full = found_.size() >= most || (!found_.empty() && end_ > most_bytes);
    if (full || ended_ || !wait(found_.size() < least)) break;
    read_more();
  }
  if (InterruptGuard::requested()) return {};
  for (const Found& line : found_)
    lines_.push_back({{buffer_.data() + line.begin, line.end - line.begin}, line.number, line.too_long});
  return lines_;
}

void LineReader::find_lines(std::size_t most) {
  while (found_.size() < most) {
    const std::size_t feed = std::string_view(buffer_.data(), end_).find('\n', scanned_);
    const bool whole = feed != std::string_view::npos;
    scanned_ = whole ? feed : end_;
    if (scanned_ - begin_ > longest) {
      skipping_ = true;
      begin_ = scanned_;
    }
    if (!whole) {
      if (skipping_) begin_ = end_ = scanned_ = found_.empty() ? 0 : found_.back().end;
      if (ended_ && (begin_ < end_ || skipping_)) add_line(end_);
      return;
    }
    add_line(scanned_);
    begin_ = ++scanned_;
  }
}

// The line from begin_ to `end`.
void LineReader::add_line(std::size_t end) {
  std::string_view text(buffer_.data() + begin_, end - begin_);
  if (number_ == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (skipping_ || !trim(text).empty()) {
    const auto begin = static_cast<std::size_t>(text.data() - buffer_.data());
    found_.push_back({begin, begin + (skipping_ ? 0 : text.size()), number_, skipping_});
  }
  ++number_;
  skipping_ = false;
  begin_ = end;
}

// Whether there is something to read, or the end to be seen.
bool LineReader::wait(bool patiently) const {
  // A signal may come just before poll begins to wait.
  constexpr int look_again_ms = 200;
  for (;;) {
    if (InterruptGuard::requested()) return false;
    pollfd input{descriptor_, POLLIN, 0};
    const int ready = ::poll(&input, 1, patiently ? look_again_ms : 0);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR)
      throw InputError(fmt::format("{}: cannot be read: {}.", name_, std::strerror(errno)));
    if (!patiently) return false;
  }
}

void LineReader::read_more() {
  if (buffer_.size() < end_ + chunk) buffer_.resize(std::max(end_ + chunk, 2 * buffer_.size()));
  const ssize_t count = ::read(descriptor_, buffer_.data() + end_, chunk);
  if (count < 0 && errno != EINTR)
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", name_, std::strerror(errno)));
  ended_ = count == 0;
  if (count > 0) end_ += static_cast<std::size_t>(count);
}

}  // namespace assay::cli
