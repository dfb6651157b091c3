// Comma-separated values (RFC 4180: quotes, doubled quotes, CRLF or LF), read and written as a stream so that
// a file of a million rows needs constant memory.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

class CsvReader {
 public:
  // Reads the header row. `source` names the input in messages. Throws InputError on an empty input, an empty
  // or repeated column name, or bytes that are not text (NUL).
  CsvReader(std::istream& in, std::string source);

  const std::vector<std::string>& header() const { return header_; }
  const std::string& source() const { return source_; }
  // Index of a column, or -1.
  int column(std::string_view name) const;

  // Reads the next row into `fields`; false at the end of the input. Blank lines are skipped. Throws
  // InputError naming source and line when a row has another number of fields than the header, or a quote is
  // left open.
  bool next(std::vector<std::string>& fields);
  // Line (1-based) on which the last row began.
  int line() const { return row_line_; }

 private:
  bool read_record(std::vector<std::string>& fields);

  std::istream& in_;
  std::string source_;
  std::vector<std::string> header_;
  int line_ = 1;
  int row_line_ = 0;
};

// One row, quoted where needed, ending with '\n'.
std::string csv_row(std::span<const std::string> fields);

}  // namespace assay
