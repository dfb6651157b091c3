// Files. Every failure becomes an InputError that names the path, the system's reason and the remedy, because
// a path that cannot be read or written and a full disk are the user's to mend.
#pragma once

#include "assay/base/error.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace assay {

// Whoever read what is being written has closed his end of the pipe. Seen only where SIGPIPE is ignored.
class ClosedPipe : public InputError {
 public:
  using InputError::InputError;
};

std::string read_file(const std::string& path);

// The same for reading as a stream. A directory is refused here, not at the first read.
std::ifstream open_input(const std::string& path);

// Writes to a temporary file beside `path`, flushes it to disk and renames it: readers see the old or the new
// content, never half of it, also when the disk fills up or the process dies.
void write_file(const std::string& path, std::string_view content);

// Sequential output to a file, or to standard output for "-". Every write is checked. A file is written under
// a temporary name and gets its own by `close`; without `close` (an exception passes) the temporary is
// removed.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view text);
  void close();

 private:
  void flush();

  std::string path_;
  std::string target_;     // behind symbolic links
  std::string temporary_;  // beside it
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace assay
