#include "assay/report/shortlist_table.hpp"

#include <algorithm>

namespace assay {
namespace {

class Rows {
 public:
  Rows(const RunReport& report, bool people)
      : report_(report),
        people_(people),
        has_latency_(report.cost == "latency_ms"),
        trained_(std::ranges::any_of(report.shortlist,
                                     [](const ReportNetwork& n) { return n.training.has_value(); })) {}

  std::vector<Column> columns() const;
  std::vector<Cell> row(const ReportNetwork& network) const;

 private:
  const RunReport& report_;
  bool people_;
  bool has_latency_;
  bool trained_;
};

std::vector<Column> Rows::columns() const {
  std::vector<Column> columns = {{"rank", "#", Style::text}};
  if (trained_) {
    columns.push_back({"test_accuracy_percent", "test accuracy", Style::percent});
    // Times differ from run to run; files that hold results do not.
    if (people_) columns.push_back({"train_seconds", "training time", Style::duration});
  }
  columns.push_back({"rank_score", "rank score", Style::fixed});
  if (has_latency_) {
    columns.push_back({"latency_ms", "latency (ms)", Style::latency});
    if (!people_) {
      columns.push_back({"latency_low_ms", "", Style::latency});
      columns.push_back({"latency_high_ms", "", Style::latency});
    }
  }
  columns.push_back({"peak_memory_bytes", "memory", Style::bytes});
  columns.push_back({"params", "params", Style::count});
  columns.push_back({"macs", "MACs", Style::count});
  if (report_.baseline) {
    if (has_latency_) columns.push_back({"latency_reduction_percent", "latency saved", Style::percent});
    columns.push_back({"memory_reduction_percent", "memory saved", Style::percent});
    columns.push_back({"params_reduction_percent", "params saved", Style::percent});
    columns.push_back({"macs_reduction_percent", "MACs saved", Style::percent});
  }
  if (people_) return columns;
  for (const std::string& name : report_.scores)
    columns.push_back({name == "params" || name == "macs" ? "score." + name : name, "", Style::number});
  for (const ReportDecision& decision : report_.decisions)
    columns.push_back({decision.name, "", Style::text});
  return columns;
}

std::vector<Cell> Rows::row(const ReportNetwork& network) const {
  const ReportCandidate& candidate = network.candidate;
  std::vector<Cell> row;
  if (network.position > 0)
    row.emplace_back(std::int64_t{network.position});
  else
    row.emplace_back(std::string("baseline"));
  if (trained_) {
    row.push_back(network.training ? Cell(percent(network.training->test_accuracy)) : Cell());
    if (people_) row.push_back(network.training ? Cell(network.training->seconds) : Cell());
  }
  row.emplace_back(candidate.rank_score);
  if (has_latency_) {
    row.emplace_back(significant(candidate.latency_ms));
    if (!people_) {
      row.emplace_back(significant(candidate.latency_low_ms));
      row.emplace_back(significant(candidate.latency_high_ms));
    }
  }
  row.emplace_back(candidate.peak_memory_bytes);
  row.emplace_back(candidate.params);
  row.emplace_back(candidate.macs);
  if (report_.baseline) {
    const ReportCandidate& base = report_.baseline->candidate;
    const auto saved = [&](auto value, auto before) {
      if (network.position == 0) return Cell();
      return Cell(percent(1 - static_cast<double>(value) / static_cast<double>(before)));
    };
    if (has_latency_) row.push_back(saved(candidate.latency_ms, base.latency_ms));
    row.push_back(saved(candidate.peak_memory_bytes, base.peak_memory_bytes));
    row.push_back(saved(candidate.params, base.params));
    row.push_back(saved(candidate.macs, base.macs));
  }
  if (people_) return row;
  for (const double score : candidate.scores) row.emplace_back(score);
  for (std::size_t i = 0; i < candidate.choices.size(); ++i)
    row.emplace_back(report_.decisions[i].options[candidate.choices[i]]);
  return row;
}

}  // namespace

Table shortlist_table(const RunReport& report, bool people) {
  const Rows rows(report, people);
  Table table{.columns = rows.columns(), .rows = {}};
  for (const ReportNetwork& network : report.shortlist) table.rows.push_back(rows.row(network));
  if (people && report.baseline) table.rows.push_back(rows.row(*report.baseline));
  return table;
}

}  // namespace assay
