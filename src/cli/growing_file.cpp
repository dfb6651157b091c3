#include "growing_file.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace assay::cli {

GrowingFile::GrowingFile(std::string path, std::string header)
    : path_(std::move(path)), header_(std::move(header)) {
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot be opened for writing", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw InputError(fmt::format(
        "{}: another run is writing this file. Wait for it to end, or give another file.", path_));
  }
  content_ = read_file(path_);
  if (!content_.starts_with(header_) && !header_.starts_with(content_)) {
    ::close(descriptor_);
    throw InputError(fmt::format(
        "{}: the file cannot be continued: its first line is not the header that this command writes. Give "
        "another file, or remove this one.",
        path_));
  }
  const std::size_t complete = content_.rfind('\n') + 1;  // 0 when there is no line
  torn_ = complete < content_.size();
  content_.resize(complete);
}

GrowingFile::~GrowingFile() {
  if (path_ != "-" && descriptor_ >= 0) ::close(descriptor_);
}

void GrowingFile::begin() {
  begun_ = true;
  if (torn_ && ::ftruncate(descriptor_, static_cast<off_t>(content_.size())) != 0)
    fail("cannot be cut to whole lines", errno);
  if (content_.empty()) write(header_);
}

void GrowingFile::append(std::string_view text) {
  if (!begun_) begin();
  write(text);
  if (path_ != "-" && ::fsync(descriptor_) != 0 && errno != EINVAL) fail("cannot be flushed to disk", errno);
}

void GrowingFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot be written", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void GrowingFile::fail(const char* what, int error) const {
  throw InputError(fmt::format("{} {}: {}. Give a path that can be written.",
                               path_ == "-" ? std::string("standard output") : path_, what,
                               std::strerror(error)));
}

}  // namespace assay::cli
