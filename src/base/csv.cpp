#include "assay/base/csv.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <istream>

#include <fmt/format.h>

namespace assay {

CsvReader::CsvReader(std::istream& in, std::string source) : in_(in), source_(std::move(source)) {
  if (!read_record(header_)) {
    throw InputError(
        fmt::format("{}: the file is empty. A CSV file begins with a row of column names.", source_));
  }
  // A byte order mark, as spreadsheets write it, is not part of the first name.
  if (header_[0].starts_with("\xEF\xBB\xBF")) header_[0].erase(0, 3);
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (header_[i].empty()) {
      throw InputError(
          fmt::format("{}:1: column {} has no name. Name every column in the first row.", source_, i + 1));
    }
    if (std::find(header_.begin(), header_.begin() + static_cast<std::ptrdiff_t>(i), header_[i]) !=
        header_.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw InputError(fmt::format("{}:1: the column \"{}\" stands twice. Rename or remove one of them.",
                                   source_, header_[i]));
    }
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
  std::size_t count = 0;
  const auto new_field = [&]() -> std::string& {
    if (count == fields.size()) fields.emplace_back();
    fields[count].clear();
    return fields[count++];
  };
  std::streambuf& buffer = *in_.rdbuf();
  using Traits = std::char_traits<char>;
  int c = buffer.sbumpc();
  while (c == '\n' || c == '\r') {  // blank lines
    line_ += c == '\n';
    c = buffer.sbumpc();
  }
  if (c == Traits::eof()) return false;
  row_line_ = line_;
  std::string* field = &new_field();
  bool quoted = false;
  for (;; c = buffer.sbumpc()) {
    if (c == Traits::eof()) {
      if (quoted) {
        throw InputError(
            fmt::format("{}:{}: a quoted field is never closed. Add the missing '\"'.", source_, row_line_));
      }
      break;
    }
    if (c == 0) {
      throw InputError(fmt::format(
          "{}:{}: the file holds a zero byte, so it is not text. Give a CSV file in UTF-8.", source_, line_));
    }
    if (quoted) {
      if (c == '"') {
        if (buffer.sgetc() == '"') {
          field->push_back('"');
          buffer.sbumpc();
        } else {
          quoted = false;
        }
      } else {
        line_ += c == '\n';
        field->push_back(static_cast<char>(c));
      }
    } else if (c == '"' && field->empty()) {
      quoted = true;
    } else if (c == ',') {
      field = &new_field();
    } else if (c == '\n') {
      ++line_;
      break;
    } else if (c != '\r') {
      field->push_back(static_cast<char>(c));
    }
  }
  fields.resize(count);
  return true;
}

std::string csv_row(std::span<const std::string> fields) {
  std::string row;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) row.push_back(',');
    if (fields[i].find_first_of(",\"\r\n") == std::string::npos) {
      row += fields[i];
      continue;
    }
    row.push_back('"');
    for (const char c : fields[i]) {
      if (c == '"') row.push_back('"');
      row.push_back(c);
    }
    row.push_back('"');
  }
  row.push_back('\n');
  return row;
}

}  // namespace assay
