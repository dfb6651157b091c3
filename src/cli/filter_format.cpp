#include "filter_format.hpp"

#include "assay/base/csv.hpp"
#include "assay/report/table.hpp"

#include "result_writer.hpp"

#include <algorithm>
#include <utility>

namespace assay::cli {
namespace {

void append_own_json(std::string& out, const std::string& name, const std::string& text, FieldType type) {
  append_json_text(out, name);
  out += ':';
  switch (type) {
    case FieldType::text:
      return append_json_text(out, text);
    case FieldType::json:
      out += text;
      return;
    case FieldType::null:
    case FieldType::absent:
      out += "null";
  }
}

}  // namespace

FilterFormat::FilterFormat(StreamFormat format, std::vector<std::string> own, const FilterResults& results)
    : format_(format), own_(std::move(own)), latency_(results.latency), ranked_(results.rank_score) {
  results_ = {"verdict", "reason"};
  if (latency_) results_.insert(results_.end(), {"latency_ms", "latency_low_ms", "latency_high_ms"});
  results_.insert(results_.end(), {"peak_memory_bytes", "params", "macs"});
  if (latency_) results_.emplace_back("extrapolated");
  for (std::size_t k = 0; k < results.scores.size(); ++k) {
    // params and macs are there already.
    if (std::ranges::find(results_, results.scores[k]) != results_.end()) continue;
    results_.push_back(results.scores[k]);
    shown_scores_.push_back(k);
  }
  if (ranked_) results_.insert(results_.end(), {"rank_score", "rank_score_percentile"});
  for (const std::string& name : results_) {
    result_keys_.emplace_back(",");
    append_json_text(result_keys_.back(), name);
    result_keys_.back() += ':';
  }
  for (const std::string& name : own_) shown_own_.push_back(own_column_name(name, own_, results_));
}

std::string FilterFormat::header() const {
  if (format_ == StreamFormat::json_lines) return "";
  std::vector<std::string> names = shown_own_;
  names.insert(names.end(), results_.begin(), results_.end());
  return csv_row(names);
}

void FilterFormat::append(std::string& out, const FilterRow& row) const {
  format_ == StreamFormat::csv ? append_csv_row(out, row) : append_json_row(out, row);
}

// Calls append(cell) for every result, in the order of results_.
template <class Append>
void FilterFormat::each_result(const FilterRow& row, const Append& append) const {
  append(std::string(row.kept() ? "keep" : "reject"));
  append(row.kept() ? Cell() : Cell(row.reason));
  const auto cost = [&](auto value) { append(row.estimated ? Cell(value) : Cell()); };
  if (latency_) {
    cost(significant(row.costs.latency_ms));
    cost(significant(row.costs.latency_low_ms));
    cost(significant(row.costs.latency_high_ms));
  }
  cost(row.costs.peak_memory_bytes);
  cost(row.costs.params);
  cost(row.costs.macs);
  if (latency_) cost(row.costs.extrapolated);
  for (const std::size_t k : shown_scores_) append(row.scores.empty() ? Cell() : Cell(row.scores[k]));
  if (!ranked_) return;
  append(row.rank_score);
  append(row.rank_score_percentile);
}

void FilterFormat::append_csv_row(std::string& out, const FilterRow& row) const {
  const CandidateRow& own = row.own;
  for (std::size_t i = 0; i < own_.size(); ++i) {
    std::size_t at = i;
    if (!own.keys.empty())
      at = static_cast<std::size_t>(std::ranges::find(own.keys, own_[i]) - own.keys.begin());
    if (at < own.fields.size()) append_csv_field(out, own.fields[at]);
    out += ',';
  }
  each_result(row, [&](const Cell& cell) {
    append_csv(out, cell);
    out += ',';
  });
  out.back() = '\n';
}

void FilterFormat::append_json_row(std::string& out, const FilterRow& row) const {
  const CandidateRow& own = row.own;
  out += '{';
  for (std::size_t i = 0; i < own.fields.size(); ++i) {
    if (i > 0) out += ',';
    if (own.keys.empty()) {
      append_own_json(out, shown_own_[i], own.fields[i], own.types[i]);
    } else {
      const bool hidden = std::ranges::find(results_, own.keys[i]) != results_.end();
      append_own_json(out, hidden ? own_column_name(own.keys[i], own.keys, results_) : own.keys[i],
                      own.fields[i], own.types[i]);
    }
  }
  std::size_t k = 0;
  each_result(row, [&](const Cell& cell) {
    const std::string_view key = result_keys_[k];
    out += k++ == 0 && own.fields.empty() ? key.substr(1) : key;
    append_json(out, cell);
  });
  out += "}\n";
}

}  // namespace assay::cli
