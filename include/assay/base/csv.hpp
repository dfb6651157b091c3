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

// Takes a byte order mark off the first name. Throws InputError, without a place, for an empty or a repeated
// column name.
void check_csv_header(std::vector<std::string>& header);

// The fields of one line without its end, where no field may hold a line break: for whoever splits the input
// into lines himself. Throws InputError, without a place, for a quote that is left open and for zero bytes.
void split_csv_line(std::string_view line, std::vector<std::string>& fields);

// Quoted where needed.
void append_csv_field(std::string& out, std::string_view field);
// One row, quoted where needed, ending with '\n'.
std::string csv_row(std::span<const std::string> fields);

}  // namespace assay
