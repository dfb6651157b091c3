#include "assay/base/file.hpp"

#include "assay/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace assay {
namespace {

[[noreturn]] void fail_write(const std::string& path, int error) {
  if (error == EPIPE) throw ClosedPipe(fmt::format("{}: cannot be written: nobody reads it any more.", path));
  const char* remedy = error == ENOSPC || error == EDQUOT ? "Free some space or choose another place"
                       : error == EFBIG                   ? "Raise the limit on the size of files (ulimit -f)"
                       : error == ENOENT                  ? "Create the folder first or choose another place"
                                                          : "Choose a path that you may write to";
  throw InputError(fmt::format("{}: cannot be written: {}. {}.", path, std::strerror(error), remedy));
}

void write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_write(path, errno);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The file that a symbolic link leads to, if there is one: what is written replaces that and not the link.
std::string behind_links(std::filesystem::path path) {
  constexpr int most_links = 40;  // as in Linux
  std::error_code error;
  for (int i = 0; i < most_links; ++i) {
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) return path.string();  // no link
    path = path.parent_path() / target;
  }
  fail_write(path.string(), ELOOP);
}

}  // namespace

std::string read_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto fail = [&](int error) {
    if (descriptor >= 0) ::close(descriptor);
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", path, std::strerror(error)));
  };
  if (descriptor < 0) fail(errno);
  std::string content;
  std::string chunk(1 << 16, '\0');
  for (;;) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    if (count == 0) break;
    content.append(chunk, 0, static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  return content;
}

std::ifstream open_input(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw InputError(fmt::format("{}: cannot be read: it is a directory. Name a file in it.", path));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw InputError(fmt::format("{}: cannot be read: {}. Check the path.", path, std::strerror(errno)));
  }
  return in;
}

void write_file(const std::string& path, std::string_view content) {
  OutputFile file(path);
  file.write(content);
  file.close();
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    // /dev/null, a pipe, /dev/full: there is nothing to rename over.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    target_ = behind_links(path_);
    temporary_ = fmt::format("{}.{}.tmp", target_, ::getpid());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  if (descriptor_ < 0) fail_write(path_, errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0 || descriptor_ == STDOUT_FILENO) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::string_view text) {
  buffer_ += text;
  // Standard output goes out line by line so that a reader at the other end of a pipe sees rows as they are
  // made.
  if (buffer_.size() >= (1 << 16) || (descriptor_ == STDOUT_FILENO && text.ends_with('\n'))) flush();
}

void OutputFile::flush() {
  write_all(descriptor_, buffer_, path_ == "-" ? "standard output" : path_);
  buffer_.clear();
}

void OutputFile::close() {
  if (descriptor_ < 0) return;
  flush();
  if (descriptor_ == STDOUT_FILENO) return;
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) fail_write(path_, errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail_write(path_, errno);
  if (!temporary_.empty() && ::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail_write(path_, error);
  }
}

}  // namespace assay
