#include "rank_cohort.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace assay::cli {

RankCohort::RankCohort(std::vector<RankTerm> terms, std::vector<double> weights, std::int64_t limit)
    : terms_(std::move(terms)), weights_(std::move(weights)), limit_(limit), random_(0, Purpose::select) {}

void RankCohort::add(std::span<const double> values) {
  if (!complete(values)) return;
  ++rows_;
  if (rows_ <= limit_) {
    sample_.insert(sample_.end(), values.begin(), values.end());
    return;
  }
  const auto place = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(rows_)));
  if (place < limit_)
    std::ranges::copy(values, sample_.begin() + place * static_cast<std::ptrdiff_t>(values.size()));
}

void RankCohort::close() {
  archive_.emplace(terms_, weights_);
  const std::size_t width = terms_.size();
  for (std::size_t begin = 0; begin < sample_.size(); begin += width)
    archive_->add(std::span(sample_).subspan(begin, width));
  sample_ = {};
  if (!is_sampled()) exact_ = archive_->scores();
}

double RankCohort::next_rank_score(std::span<const double> values) {
  if (!complete(values)) return std::numeric_limits<double>::quiet_NaN();
  return is_sampled() ? archive_->score_of(values) : exact_.at(asked_++);
}

}  // namespace assay::cli
