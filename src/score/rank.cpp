#include "assay/base/error.hpp"
#include "assay/score/score.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

// Average rank (1 .. n, n best) of a value that stands in, or would join, the ascending list.
double average_rank(const std::vector<double>& ascending, double value, bool joins) {
  const auto [low, high] = std::equal_range(ascending.begin(), ascending.end(), value);
  const auto below = static_cast<double>(low - ascending.begin());
  const auto equal = static_cast<double>(high - low) + (joins ? 1 : 0);
  return below + (equal + 1) / 2;
}

}  // namespace

bool complete(std::span<const double> values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

RankArchive::RankArchive(std::vector<RankTerm> terms, std::vector<double> weights)
    : terms_(std::move(terms)), weights_(std::move(weights)), sorted_(terms_.size()) {
  if (weights_.empty()) weights_.assign(terms_.size(), 1.0);
  if (weights_.size() != terms_.size())
    throw InternalError("A rank score has another number of weights than of scores.");
  for (const double weight : weights_)
    if (!std::isfinite(weight) || weight < 0)
      throw InternalError("A weight of the rank score is negative or not finite.");
}

void RankArchive::add(std::span<const double> values) {
  const bool whole = complete(values);
  for (std::size_t k = 0; k < terms_.size(); ++k)
    values_.push_back(whole ? terms_[k].direction * values[k] : std::numeric_limits<double>::quiet_NaN());
  ++size_;
}

void RankArchive::sort() const {
  if (sorted_rows_ == size_) return;
  const std::size_t columns = terms_.size();
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<double>& column = sorted_[k];
    const auto old = static_cast<std::ptrdiff_t>(column.size());
    for (std::size_t row = sorted_rows_; row < size_; ++row)
      if (const double value = values_[row * columns + k]; std::isfinite(value)) column.push_back(value);
    std::sort(column.begin() + old, column.end());
    std::inplace_merge(column.begin(), column.begin() + old, column.end());
  }
  sorted_rows_ = size_;
}

std::vector<double> RankArchive::scores() const {
  sort();
  const std::size_t columns = terms_.size();
  std::vector<double> result(size_, 0.0);
  for (std::size_t k = 0; k < columns; ++k) {
    const auto n = static_cast<double>(sorted_[k].size());
    for (std::size_t row = 0; row < size_; ++row) {
      const double value = values_[row * columns + k];
      if (!std::isfinite(value))
        result[row] = std::numeric_limits<double>::quiet_NaN();
      else
        result[row] +=
            weights_[k] * (terms_[k].by_rank ? std::log(average_rank(sorted_[k], value, false) / n) : value);
    }
  }
  return result;
}

double RankArchive::score_of(std::span<const double> values) const {
  if (!complete(values)) return std::numeric_limits<double>::quiet_NaN();
  sort();
  double sum = 0;
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const double value = terms_[k].direction * values[k];
    const auto n = static_cast<double>(sorted_[k].size() + 1);
    sum += weights_[k] * (terms_[k].by_rank ? std::log(average_rank(sorted_[k], value, true) / n) : value);
  }
  return sum;
}

std::vector<double> RankArchive::percentiles_of(std::span<const double> values) const {
  sort();
  std::vector<double> result;
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const auto [low, high] =
        std::equal_range(sorted_[k].begin(), sorted_[k].end(), terms_[k].direction * values[k]);
    const double worse =
        static_cast<double>(low - sorted_[k].begin()) + 0.5 * static_cast<double>(high - low);
    const bool known = std::isfinite(values[k]) && !sorted_[k].empty();
    result.push_back(known ? worse / static_cast<double>(sorted_[k].size())
                           : std::numeric_limits<double>::quiet_NaN());
  }
  return result;
}

void add_rank_term(const RankTerm& term, double weight, std::vector<double> values, std::span<double> sums) {
  if (values.size() != sums.size())
    throw InternalError("A score has another number of rows than its cohort.");
  for (double& value : values) value *= term.direction;
  if (!term.by_rank) {
    for (std::size_t row = 0; row < values.size(); ++row) sums[row] += weight * values[row];
    return;
  }
  // Sorted once with its row, and a logarithm for each run of equal values: searching for every row's value
  // takes almost three times as long.
  std::vector<std::pair<double, std::size_t>> ascending;
  ascending.reserve(values.size());
  for (std::size_t row = 0; row < values.size(); ++row) ascending.emplace_back(values[row], row);
  values = {};
  std::ranges::sort(ascending);
  const auto n = static_cast<double>(ascending.size());
  for (std::size_t begin = 0, end = 0; begin < ascending.size(); begin = end) {
    while (end < ascending.size() && ascending[end].first == ascending[begin].first) ++end;
    const double rank = static_cast<double>(begin) + (static_cast<double>(end - begin) + 1) / 2;
    const double share = weight * std::log(rank / n);
    for (std::size_t i = begin; i < end; ++i) sums[ascending[i].second] += share;
  }
}

std::vector<double> rank_scores(std::span<const ScoreRecord> records, std::span<const RankTerm> terms,
                                std::span<const double> weights) {
  RankArchive archive({terms.begin(), terms.end()}, {weights.begin(), weights.end()});
  for (const ScoreRecord& record : records) archive.add(record.values);
  return archive.scores();
}

}  // namespace assay
