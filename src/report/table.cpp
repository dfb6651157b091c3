#include "assay/report/table.hpp"

#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/report/escape.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

bool has_value(const Cell& cell) {
  if (const double* number = std::get_if<double>(&cell)) return std::isfinite(*number);
  return !std::holds_alternative<std::monostate>(cell);
}

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  if (error != std::errc()) throw InternalError("a number takes more than 32 characters");
  out.append(buffer.data(), end);
}

// Of a cell that has a value.
void append_exact(std::string& out, const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell))
    out += *text;
  else if (const auto* raw = std::get_if<RawJson>(&cell))
    out += raw->text;
  else if (const auto* number = std::get_if<double>(&cell))
    append_number(out, *number);
  else if (const auto* integer = std::get_if<std::int64_t>(&cell))
    append_number(out, *integer);
  else
    out += std::get<bool>(cell) ? "true" : "false";
}

std::string exact(const Cell& cell) {
  std::string text;
  if (has_value(cell)) append_exact(text, cell);
  return text;
}

// Names in cells come from files: none may end a row or command a terminal.
std::string text_of(const Cell& cell, Style style) {
  return line_text(readable(cell, style));
}

// Characters that a terminal shows, not bytes: continuation bytes of UTF-8 take no place.
int shown_width(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(const std::string& text, int width) {
  if (shown_width(text) <= width) return text;
  std::string result;
  int shown = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) != 0x80 && ++shown >= width) break;
    result.push_back(text[i]);
  }
  return result + "…";
}

}  // namespace

double significant(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 5);
  // Dividing by a power of ten above 1 is exact where multiplying by one below 1 is not.
  return unit < 1 ? std::round(value / unit) / std::round(1 / unit) : std::round(value / unit) * unit;
}

double percent(double share) {
  return std::round(share * 1e10) / 1e8;
}

std::string readable(const Cell& cell, Style style) {
  if (!has_value(cell)) return "-";
  const bool is_number = std::holds_alternative<double>(cell) || std::holds_alternative<std::int64_t>(cell);
  if (!is_number) return exact(cell);
  const auto* integer = std::get_if<std::int64_t>(&cell);
  const double value = integer != nullptr ? static_cast<double>(*integer) : std::get<double>(cell);
  switch (style) {
    case Style::count:
      return human_count(value);
    case Style::bytes:
      return human_bytes(static_cast<std::uint64_t>(std::max(0.0, value)));
    case Style::percent:
      return fmt::format("{:.1f} %", value);
    case Style::duration:
      return human_duration(value);
    case Style::fixed:
      return fmt::format("{:.3f}", value);
    case Style::latency:
      return human_milliseconds(value);
    case Style::number:
      if (integer != nullptr) return std::to_string(*integer);
      return fmt::format("{:.4g}", value);
    case Style::text:
      return exact(cell);
  }
  throw InternalError("a table column has an unknown style");
}

std::string csv_header(const std::vector<Column>& columns) {
  std::vector<std::string> fields;
  for (const Column& column : columns) fields.push_back(column.key);
  return csv_row(fields);
}

void append_csv(std::string& out, const Cell& cell) {
  if (!has_value(cell)) return;
  if (const auto* text = std::get_if<std::string>(&cell))
    append_csv_field(out, *text);
  else if (const auto* raw = std::get_if<RawJson>(&cell))
    append_csv_field(out, raw->text);
  else
    append_exact(out, cell);
}

void append_json_text(std::string& out, std::string_view text) {
  const bool plain =
      std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void append_json(std::string& out, const Cell& cell) {
  if (!has_value(cell))
    out += "null";
  else if (const auto* text = std::get_if<std::string>(&cell))
    append_json_text(out, *text);
  else
    append_exact(out, cell);  // numbers, true and false read the same in JSON
}

std::string csv_line(const std::vector<Cell>& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    append_csv(line, row[i]);
  }
  return line + '\n';
}

std::string json_line(const std::vector<Column>& columns, const std::vector<Cell>& row) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    line += i == 0 ? '{' : ',';
    append_json_text(line, columns[i].key);
    line += ':';
    append_json(line, row[i]);
  }
  return line + "}\n";
}

std::string Table::to_csv() const {
  std::string text = csv_header(columns);
  for (const auto& row : rows) text += csv_line(row);
  return text;
}

std::string Table::to_json() const {
  std::string text = "[\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string line = json_line(columns, rows[i]);
    line.pop_back();
    text += line + (i + 1 < rows.size() ? ",\n" : "\n");
  }
  return text + "]\n";
}

std::string Table::to_text(int width, bool colour) const {
  std::vector<std::size_t> shown;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c].heading.empty()) shown.push_back(c);
  }
  std::vector<int> widths;
  for (const std::size_t c : shown) {
    int widest = shown_width(columns[c].heading);
    for (const auto& row : rows) widest = std::max(widest, shown_width(text_of(row[c], columns[c].style)));
    widths.push_back(widest);
  }
  constexpr int gap = 2;
  if (width > 0 && !shown.empty()) {
    int others = 0;
    for (std::size_t i = 0; i + 1 < shown.size(); ++i) others += widths[i] + gap;
    widths.back() = std::clamp(width - others, std::min(12, widths.back()), widths.back());
  }
  const auto line = [&](auto&& cell_text, bool heading) {
    std::string text;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::string cell = cut(cell_text(shown[i]), widths[i]);
      const std::string space(static_cast<std::size_t>(std::max(0, widths[i] - shown_width(cell))), ' ');
      const bool left = columns[shown[i]].style == Style::text;
      text += left ? cell + space : space + cell;
      if (i + 1 < shown.size()) text += std::string(gap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return heading && colour ? "\033[1m" + text + "\033[0m\n" : text + "\n";
  };
  std::string text = line([&](std::size_t c) { return columns[c].heading; }, true);
  for (const auto& row : rows) {
    text += line([&](std::size_t c) { return text_of(row[c], columns[c].style); }, false);
  }
  return text;
}

}  // namespace assay
