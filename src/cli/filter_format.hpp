// How the filter's answers are written: a row of CSV or a JSON object per line.
#pragma once

#include "candidate_filter.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

enum class StreamFormat { csv, json_lines };

class FilterFormat {
 public:
  // `own`: the candidates' own columns; JSON objects that become JSON objects keep their own keys instead.
  FilterFormat(StreamFormat format, std::vector<std::string> own, const FilterResults& results);

  // The names of the columns as a row; nothing for JSON.
  std::string header() const;
  // Thread-safe.
  void append(std::string& out, const FilterRow& row) const;

 private:
  void append_csv_row(std::string& out, const FilterRow& row) const;
  void append_json_row(std::string& out, const FilterRow& row) const;
  template <class Append>
  void each_result(const FilterRow& row, const Append& append) const;

  StreamFormat format_;
  std::vector<std::string> own_, shown_own_;  // as they are in the input; as they are called in the output
  std::vector<std::string> results_;
  std::vector<std::string> result_keys_;   // ,"latency_ms":
  std::vector<std::size_t> shown_scores_;  // those that have a column of their own
  bool latency_, ranked_;
};

}  // namespace assay::cli
