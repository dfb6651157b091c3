// An exclusive lock that the system releases when its holder dies, however it dies.
//
// It lies on a file of its own beside the journal: SQLite's locks are POSIX record locks, which a process
// loses as soon as it closes any descriptor of the locked file.
#pragma once

#include <string>

namespace assay {

class LockFile {
 public:
  // Locks `path`.lock, symbolic links followed. Throws InputError when another process (or another LockFile
  // of this one) holds it, or when it cannot be created.
  explicit LockFile(const std::string& path);
  // Releases and removes the lock file.
  ~LockFile();
  // Whether anybody holds the lock of `path`.
  static bool is_held(const std::string& path);
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace assay
