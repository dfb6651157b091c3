#include "result_writer.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace assay::cli {
namespace {

bool for_people(const Workload& workload, const Output& output) {
  return output.format() == Format::table && workload.space() != nullptr;
}

}  // namespace

std::string own_column_name(std::string name, std::span<const std::string> own,
                            std::span<const std::string> results) {
  if (std::ranges::find(results, name) == results.end()) return name;
  do {
    name = "input." + name;
  } while (std::ranges::find(results, name) != results.end() || std::ranges::find(own, name) != own.end());
  return name;
}

std::vector<Column> result_columns(const Workload& workload, const Output& output,
                                   const std::vector<Column>& results) {
  std::vector<Column> columns;
  if (!for_people(workload, output)) {
    std::vector<std::string> taken;
    for (const Column& column : results) taken.push_back(column.key);
    for (const std::string& name : workload.columns())
      columns.push_back({own_column_name(name, workload.columns(), taken), name, Style::text});
  }
  columns.insert(columns.end(), results.begin(), results.end());
  if (for_people(workload, output)) columns.push_back({"candidate", "candidate", Style::text});
  return columns;
}

std::vector<Cell> own_cells(const Workload& workload, const Output& output, Item& item) {
  if (for_people(workload, output)) return {to_text(*workload.space(), *item.candidate)};
  return std::move(item.fields);
}

std::vector<Cell> result_row(const Workload& workload, const Output& output, std::vector<Cell> own,
                             std::vector<Cell> results) {
  std::vector<Cell>& first = for_people(workload, output) ? results : own;
  std::vector<Cell>& last = for_people(workload, output) ? own : results;
  std::ranges::move(last, std::back_inserter(first));
  return std::move(first);
}

RowWriter::RowWriter(const Output& output, std::vector<Column> columns)
    : output_(output), table_{.columns = std::move(columns), .rows = {}} {}

void RowWriter::add(std::vector<Cell> row) {
  constexpr std::size_t chunk = 1 << 16;
  switch (output_.format()) {
    case Format::table:
      table_.rows.push_back(std::move(row));
      return;
    case Format::csv:
      if (!begun_) buffer_ += csv_header(table_.columns);
      buffer_ += csv_line(row);
      break;
    case Format::json:
      buffer_ += begun_ ? ",\n" : "[\n";
      buffer_ += json_line(table_.columns, row);
      buffer_.pop_back();
      break;
  }
  begun_ = true;
  if (buffer_.size() >= chunk) flush();
}

void RowWriter::flush() {
  if (buffer_.empty()) return;
  if (!file_) file_.emplace(output_.path());
  file_->write(buffer_);
  buffer_.clear();
}

void RowWriter::close(const std::string& heading) {
  if (output_.format() == Format::table) {
    const bool terminal = output_.path() == "-";
    output_.write(heading + table_.to_text(terminal ? terminal_width() : 0, terminal && use_colour()));
    return;
  }
  if (!begun_) return output_.write(table_);
  if (output_.format() == Format::json) buffer_ += "\n]\n";
  flush();
  file_->close();
}

}  // namespace assay::cli
