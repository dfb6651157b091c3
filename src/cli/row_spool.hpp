// Rows that wait on disk: results whose last columns are known only when all rows are there.
#pragma once

#include "assay/report/table.hpp"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace assay::cli {

// The first MiB stays in memory; beyond it there is a temporary file without a name, which the system removes
// with the process, however that ends. Throws InputError when the file cannot be made or its disk is full.
class RowSpool {
 public:
  // `folder` is where the file will be made.
  explicit RowSpool(std::string folder);

  void append(std::span<const Cell> row);
  std::int64_t size() const { return rows_; }
  // Hands out every row, in the order in which they came, as it was appended.
  void replay(const std::function<void(std::vector<Cell> row)>& visit);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void write_buffer();
  [[noreturn]] void fail(int error) const;

  std::string folder_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string buffer_;
  std::int64_t rows_ = 0;
};

// The folder for a command's temporary files: that of `path` where results go to a file, because there has to
// be room for them anyway; else the system's.
std::string spool_folder(const std::string& path);

}  // namespace assay::cli
