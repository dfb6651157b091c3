#include "assay/base/csv.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <istream>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr int end_of_text = std::char_traits<char>::eof();

// Where characters come from: a stream, whose lines are counted, or one line at hand.
struct StreamSource {
  std::streambuf& buffer;
  int& line;
  int next() {
    const int c = buffer.sbumpc();
    line += c == '\n';
    return c;
  }
  int peek() { return buffer.sgetc(); }
};

struct TextSource {
  std::string_view rest;
  int peek() const { return rest.empty() ? end_of_text : static_cast<unsigned char>(rest.front()); }
  int next() {
    const int c = peek();
    if (c != end_of_text) rest.remove_prefix(1);
    return c;
  }
};

enum class RecordEnd { complete, open_quote, zero_byte };

// One record that begins with the character `c`, up to a line feed outside of quotes or the source's end.
template <class Source>
RecordEnd split_record(Source& source, int c, std::vector<std::string>& fields) {
  std::size_t count = 0;
  const auto new_field = [&]() -> std::string& {
    if (count == fields.size()) fields.emplace_back();
    fields[count].clear();
    return fields[count++];
  };
  std::string* field = &new_field();
  bool quoted = false;
  for (;; c = source.next()) {
    if (c == end_of_text) {
      if (quoted) return RecordEnd::open_quote;
      break;
    }
    if (c == 0) return RecordEnd::zero_byte;
    if (quoted) {
      if (c != '"') {
        field->push_back(static_cast<char>(c));
      } else if (source.peek() == '"') {
        field->push_back('"');
        source.next();
      } else {
        quoted = false;
      }
    } else if (c == '"' && field->empty()) {
      quoted = true;
    } else if (c == ',') {
      field = &new_field();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      field->push_back(static_cast<char>(c));
    }
  }
  fields.resize(count);
  return RecordEnd::complete;
}

}  // namespace

void check_csv_header(std::vector<std::string>& header) {
  // A byte order mark, as spreadsheets write it, is not part of the first name.
  if (header[0].starts_with("\xEF\xBB\xBF")) header[0].erase(0, 3);
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i].empty())
      throw InputError(fmt::format("column {} has no name. Name every column in the first row.", i + 1));
    const auto here = header.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(header.begin(), here, header[i]) != here)
      throw InputError(
          fmt::format("the column \"{}\" stands twice. Rename or remove one of them.", header[i]));
  }
}

CsvReader::CsvReader(std::istream& in, std::string source) : in_(in), source_(std::move(source)) {
  if (!read_record(header_)) {
    throw InputError(
        fmt::format("{}: the file is empty. A CSV file begins with a row of column names.", source_));
  }
  try {
    check_csv_header(header_);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}:1: {}", source_, error.what()));
  }
}

int CsvReader::column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  return found == header_.end() ? -1 : static_cast<int>(found - header_.begin());
}

bool CsvReader::next(std::vector<std::string>& fields) {
  if (!read_record(fields)) return false;
  if (fields.size() != header_.size()) {
    throw InputError(fmt::format(
        "{}:{}: the row has {} fields, but the header has {} columns. Complete or remove the row.", source_,
        row_line_, fields.size(), header_.size()));
  }
  return true;
}

bool CsvReader::read_record(std::vector<std::string>& fields) {
  StreamSource source{*in_.rdbuf(), line_};
  int first = source.next();
  while (first == '\n' || first == '\r') first = source.next();  // blank lines
  if (first == end_of_text) return false;
  row_line_ = line_;
  switch (split_record(source, first, fields)) {
    case RecordEnd::complete:
      return true;
    case RecordEnd::open_quote:
      throw InputError(
          fmt::format("{}:{}: a quoted field is never closed. Add the missing '\"'.", source_, row_line_));
    case RecordEnd::zero_byte:
      throw InputError(fmt::format(
          "{}:{}: the file holds a zero byte, so it is not text. Give a CSV file in UTF-8.", source_, line_));
  }
  throw InternalError("a CSV record ended in an unknown way");
}

void split_csv_line(std::string_view line, std::vector<std::string>& fields) {
  TextSource source{line};
  const int first = source.next();
  if (first == end_of_text) return fields.assign(1, "");
  switch (split_record(source, first, fields)) {
    case RecordEnd::complete:
      return;
    case RecordEnd::open_quote:
      throw InputError("A quoted field is not closed on its line. Add the missing '\"'.");
    case RecordEnd::zero_byte:
      throw InputError("The line holds a zero byte, so it is not text. Give CSV in UTF-8.");
  }
}

void append_csv_field(std::string& out, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string csv_row(std::span<const std::string> fields) {
  std::string row;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) row += ',';
    append_csv_field(row, fields[i]);
  }
  row += '\n';
  return row;
}

}  // namespace assay
