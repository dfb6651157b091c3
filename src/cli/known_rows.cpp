#include "known_rows.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace assay::cli {

KnownRows::KnownRows(const Space& space, const std::string& path) : source_(path) {
  std::ifstream file = open_input(path);
  CandidateReader reader(space, file, path);
  columns_ = reader.columns();
  CandidateRow row;
  while (reader.next(row)) rows_.push_back(row);
  if (rows_.empty())
    throw InputError(fmt::format("{}: the file holds no candidate. Add a row below the header.", path));
}

bool KnownRows::has_column(const std::string& name) const {
  return std::ranges::find(columns_, name) != columns_.end();
}

std::vector<double> KnownRows::numbers(const std::string& column) const {
  const auto found = std::ranges::find(columns_, column);
  if (found == columns_.end())
    throw InputError(
        fmt::format("{}: there is no column \"{}\".{}", source_, column, suggestion(column, columns_)));
  const auto index = static_cast<std::size_t>(found - columns_.begin());
  std::vector<double> values;
  for (const CandidateRow& row : rows_) {
    // Rows of JSON lines may end before a key that others have.
    const std::string field = index < row.fields.size() ? row.fields[index] : std::string();
    const std::string_view text = trim(field);
    const auto value = parse_number(text);
    if (!text.empty() && !value)
      throw InputError(
          fmt::format("{}:{}: {} is \"{}\", which is no finite number. Leave it blank where it is "
                      "not known.",
                      source_, row.line, column, field));
    values.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return values;
}

std::vector<bool> rows_within(const KnownRows& known, const std::string& limit) {
  const std::size_t sign = limit.find("<=");
  const auto most = sign == std::string::npos ? std::nullopt : parse_number(trim(limit.substr(sign + 2)));
  if (!most)
    throw InputError(
        fmt::format("--limit is \"{}\". Give a column and its largest value, such as "
                    "\"latency_ms<=5\".",
                    limit));
  std::vector<bool> within;
  for (const double value : known.numbers(std::string(trim(limit.substr(0, sign)))))
    within.push_back(value <= *most);
  return within;
}

}  // namespace assay::cli
