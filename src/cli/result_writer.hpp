// Results as a stream of rows, in the format that was asked for.
#pragma once

#include "assay/base/file.hpp"
#include "assay/report/table.hpp"

#include "common.hpp"
#include "workload.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::cli {

// What an own column of a candidate is called beside these results: one that bears the name of a result
// becomes "input.NAME", or "input.input.NAME" where that is taken, too.
std::string own_column_name(std::string name, std::span<const std::string> own,
                            std::span<const std::string> results);

// The columns of a result that begins with the candidates' own. For people the candidates' columns are left
// out and one last column holds the candidate's text instead.
std::vector<Column> result_columns(const Workload& workload, const Output& output,
                                   const std::vector<Column>& results);
// What a row of those columns shows of the candidate itself: its fields, or its text.
std::vector<Cell> own_cells(const Workload& workload, const Output& output, Item& item);
std::vector<Cell> result_row(const Workload& workload, const Output& output, std::vector<Cell> own,
                             std::vector<Cell> results);

// CSV and JSON go out as they come; a table, whose columns are as wide as their widest cell, is held to its
// end.
class RowWriter {
 public:
  RowWriter(const Output& output, std::vector<Column> columns);

  void add(std::vector<Cell> row);
  // Sends the rows so far to their reader.
  void flush();
  // Until then a file has its old content. `heading` stands above a table.
  void close(const std::string& heading = {});

 private:
  const Output& output_;
  Table table_;
  std::string buffer_;
  std::optional<OutputFile> file_;
  bool begun_ = false;
};

}  // namespace assay::cli
