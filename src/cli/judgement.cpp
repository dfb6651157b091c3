#include "judgement.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>

#include <fmt/format.h>

namespace assay::cli {
namespace {

Limited judge_limited(std::span<const double> score, std::span<const double> accuracy) {
  if (accuracy.empty()) return {};
  const std::vector<std::size_t> best = shortlist(score, accuracy);
  double sum = 0;
  for (const std::size_t row : best) sum += accuracy[row];
  const double mean = sum / static_cast<double>(best.size());
  return {mean, *std::ranges::max_element(accuracy) - mean};
}

std::vector<double> select(const std::vector<double>& values, const std::vector<std::size_t>& rows) {
  std::vector<double> selected;
  for (const std::size_t row : rows) selected.push_back(values[row]);
  return selected;
}

struct Statistic {
  const char* key;
  const char* heading;
  double Agreement::*member;
};
constexpr Statistic statistics[] = {{"spearman", "Spearman", &Agreement::spearman},
                                    {"kendall", "Kendall", &Agreement::kendall},
                                    {"top_decile_spearman", "in the best tenth", &Agreement::top_spearman},
                                    {"regret", "regret", &Agreement::regret}};

// "0.912 [0.903, 0.921]"
Cell with_interval(double value, double low, double high) {
  if (!std::isfinite(value)) return {};
  if (!std::isfinite(low)) return fmt::format("{:.3f}", value);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", value, low, high);
}

}  // namespace

std::vector<Judgement> judge_all(const std::vector<JudgedColumn>& lines, const std::vector<double>& accuracy,
                                 const std::vector<std::size_t>& rows, const std::vector<bool>& within,
                                 int resamples, std::uint64_t seed, WorkerPool& pool) {
  std::vector<std::size_t> limited;
  std::ranges::copy_if(rows, std::back_inserter(limited), [&](std::size_t row) { return within[row]; });
  const std::vector<double> truth = select(accuracy, rows), limited_truth = select(accuracy, limited);
  std::vector<Judgement> results(lines.size());
  pool.run(std::ssize(lines), [&](Worker&, std::int64_t index) {
    const std::vector<double>& values = lines[static_cast<std::size_t>(index)].values;
    Judgement& result = results[static_cast<std::size_t>(index)];
    const std::vector<double> score = select(values, rows);
    result.failed = std::ranges::count_if(score, [](double value) { return std::isnan(value); });
    result.agreement = judge(score, truth, resamples, seed);
    result.limited = judge_limited(select(values, limited), limited_truth);
  });
  return results;
}

Table judgement_table(const std::vector<JudgedColumn>& lines, const std::vector<Judgement>& judgements,
                      bool for_people, bool limited) {
  Table table;
  table.columns.push_back({"score", "score", Style::text});
  for (const auto& [key, heading, member] : statistics) {
    table.columns.push_back({key, heading, for_people ? Style::text : Style::fixed});
    if (for_people) continue;
    table.columns.push_back({fmt::format("{}_low", key), "", Style::fixed});
    table.columns.push_back({fmt::format("{}_high", key), "", Style::fixed});
  }
  if (limited) {
    table.columns.push_back({"limited_top10_accuracy", "top 10 within limit", Style::fixed});
    table.columns.push_back({"limited_distance", "below the best there", Style::fixed});
  }
  table.columns.push_back({"failed", "failed", Style::number});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& [value, low, high] = judgements[i].agreement;
    std::vector<Cell> row = {lines[i].name};
    for (const Statistic& statistic : statistics) {
      const auto member = statistic.member;
      if (for_people)
        row.push_back(with_interval(value.*member, low.*member, high.*member));
      else
        row.insert(row.end(), {value.*member, low.*member, high.*member});
    }
    if (limited) row.insert(row.end(), {judgements[i].limited.mean, judgements[i].limited.distance});
    row.emplace_back(judgements[i].failed);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace assay::cli
