#include "lock_file.hpp"

#include "assay/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace assay {
namespace {

std::string holder_of(int descriptor) {
  char text[32] = {};
  const ssize_t length = pread(descriptor, text, sizeof text - 1, 0);
  return length > 0 ? fmt::format("process {}", text) : "another process";
}

// The holder before may have removed the file between our opening and our locking it: then the lock is on a
// file that nobody else will ever see.
bool is_still_there(int descriptor, const std::string& path) {
  struct stat locked {
  }, named{};
  return fstat(descriptor, &locked) == 0 && stat(path.c_str(), &named) == 0 &&
         locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

// Of the whole file. Locks of the open file rather than of the process: closing another descriptor of it
// does not release them, and unlike flock's they can be asked for without being taken, so that a reader never
// keeps a run from starting.
struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Beside the file itself: whoever comes by a symbolic link finds the same lock.
std::string lock_name(const std::string& path) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::weakly_canonical(path, error);
  return (error ? path : file.string()) + ".lock";
}

bool lock(int descriptor) {
  struct flock wanted = whole_file(F_WRLCK);
  return fcntl(descriptor, F_OFD_SETLK, &wanted) == 0;
}

}  // namespace

LockFile::LockFile(const std::string& path) : path_(lock_name(path)) {
  for (;;) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      const int error = errno;
      throw InputError(fmt::format("The run journal {} cannot be written: {}. {}.", path,
                                   std::strerror(error),
                                   error == ENOENT ? "Create the folder first or choose another place"
                                                   : "Choose a place that you may write to"));
    }
    if (!lock(descriptor_)) {
      const bool held = errno == EAGAIN || errno == EACCES;
      const std::string reason = held ? holder_of(descriptor_) : std::strerror(errno);
      if (!held) unlink(path_.c_str());  // nobody can lock it here
      close(descriptor_);
      throw InputError(
          held ? fmt::format("The run journal {} is being written by {}. Wait for it or stop it first.", path,
                             reason)
               : fmt::format("The run journal {} cannot be locked: {}. Choose a place on another file "
                             "system.",
                             path, reason));
    }
    if (is_still_there(descriptor_, path_)) break;
    close(descriptor_);
  }
  // Who holds the lock is a help in the message above, no more; a full disk may cut it off.
  const std::string process = std::to_string(getpid());
  if (ftruncate(descriptor_, 0) == 0) (void)!pwrite(descriptor_, process.data(), process.size(), 0);
}

bool LockFile::is_held(const std::string& path) {
  const std::string name = lock_name(path);
  const int descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT) return false;
    throw InputError(fmt::format(
        "Whether the run journal {} is in use cannot be told: {}: {}. Ask for the right to read it.", path,
        name, std::strerror(errno)));
  }
  struct flock found = whole_file(F_RDLCK);
  const bool asked = fcntl(descriptor, F_OFD_GETLK, &found) == 0;
  const int error = errno;
  close(descriptor);
  if (!asked) {
    throw InputError(
        fmt::format("Whether the run journal {} is in use cannot be told: {}: {}. Choose a place on another "
                    "file system.",
                    path, name, std::strerror(error)));
  }
  return found.l_type != F_UNLCK;
}

LockFile::~LockFile() {
  unlink(path_.c_str());
  close(descriptor_);
}

}  // namespace assay
