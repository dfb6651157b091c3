// Results as rows: for people (aligned, rounded, with units), as CSV and as JSON (exact, machine-readable).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace assay {

// How people see a column; CSV and JSON always hold the exact value in the unit that the key names.
enum class Style {
  text,
  number,    // four significant digits
  fixed,     // three decimals, so that a column lines up
  latency,   // so, but with three digits of small values: 12.346, 0.00123
  count,     // 2.50M
  bytes,     // 1.25 MiB
  percent,   // 12.3 %
  duration,  // 3 min 20 s
};

struct Column {
  std::string key;      // "latency_ms": the name in CSV and JSON
  std::string heading;  // "latency (ms)"; empty: not shown to people
  Style style = Style::text;
};

// A JSON value that came in with a candidate and goes out as it was written (1.50, [1, 2], true).
struct RawJson {
  std::string text;
};

// monostate: no value (empty in CSV, null in JSON, "-" for people). Doubles that are not finite count as no
// value.
using Cell = std::variant<std::monostate, std::string, double, std::int64_t, bool, RawJson>;

enum class Format { table, csv, json };

// One value in a machine's format, for rows that are put together elsewhere.
void append_csv(std::string& out, const Cell& cell);
void append_json(std::string& out, const Cell& cell);
void append_json_text(std::string& out, std::string_view text);

// One row in a machine's format, ending with '\n'. JSON rows are objects on one line.
std::string csv_header(const std::vector<Column>& columns);
std::string csv_line(const std::vector<Cell>& row);
std::string json_line(const std::vector<Column>& columns, const std::vector<Cell>& row);

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;

  std::string to_csv() const;
  // An array of objects, one a line.
  std::string to_json() const;
  // Columns that fit `width` characters; a longer last column is cut with an ellipsis. 0: no limit.
  std::string to_text(int width = 0, bool colour = false) const;
};

// A share as a percentage, without the last bits that the multiplication leaves: 0.9198 is 91.98.
double percent(double share);

// Six significant digits: an estimate knows no more, and files stay readable.
double significant(double value);

// A cell as people read it.
std::string readable(const Cell& cell, Style style);

}  // namespace assay
