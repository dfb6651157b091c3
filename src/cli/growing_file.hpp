// A file that results are appended to as they come, and that a later run continues.
#pragma once

#include <string>
#include <string_view>

namespace assay::cli {

class GrowingFile {
 public:
  // "-" is standard output, which begins empty. What an interrupted run left behind the last complete line is
  // cut off. Throws InputError when the path cannot be read and written, or another process has it open here.
  explicit GrowingFile(std::string path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  const std::string& path() const { return path_; }
  // What the file held when it was opened.
  const std::string& content() const { return content_; }
  // On disk when it returns: a killed run loses no line.
  void append(std::string_view text);

 private:
  [[noreturn]] void fail(const char* what, int error) const;

  std::string path_, content_;
  int descriptor_ = -1;
};

}  // namespace assay::cli
