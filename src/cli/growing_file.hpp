// A file that results are appended to as they come, and that a later run continues.
#pragma once

#include <string>
#include <string_view>

namespace assay::cli {

class GrowingFile {
 public:
  // "-" is standard output, which begins empty. An existing file is continued when it begins with `header` (a
  // line with its end), or is as much of it as a killed run left behind; any other is somebody else's.
  // Changes nothing yet. Throws InputError for such a file, when the path cannot be read and written, and
  // when another process has it open here.
  GrowingFile(std::string path, std::string header);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  const std::string& path() const { return path_; }
  // The complete lines that the file held when it was opened.
  const std::string& content() const { return content_; }
  // The first time, cuts off a torn last line and writes a missing header. On disk when it returns: a killed
  // run loses no line.
  void append(std::string_view text);

 private:
  void begin();
  void write(std::string_view text);
  [[noreturn]] void fail(const char* what, int error) const;

  std::string path_, header_, content_;
  int descriptor_ = -1;
  bool torn_ = false;  // bytes follow the last complete line
  bool begun_ = false;
};

}  // namespace assay::cli
