#include "assay/search/cohort.hpp"

#include "assay/base/error.hpp"

#include <limits>

namespace assay {

int Cohort::add(const Candidate& candidate, const GateResult& gate, const ScoreRow& row) {
  if (candidate.choices.size() != decisions_ || (row.status.empty() && row.scores.size() != score_count_)) {
    throw InternalError("An evaluation has another number of decisions or scores than its search.");
  }
  const int index = size();
  choices_.insert(choices_.end(), candidate.choices.begin(), candidate.choices.end());
  fingerprints_.push_back(gate.fingerprint);
  costs_.push_back(gate.costs);
  if (row.status.empty()) {
    scores_.insert(scores_.end(), row.scores.begin(), row.scores.end());
  } else {
    scores_.resize(scores_.size() + score_count_, std::numeric_limits<double>::quiet_NaN());
    failures_.emplace(index, row.status);
  }
  return index;
}

Candidate Cohort::candidate(int index) const {
  const auto first =
      choices_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(index) * decisions_);
  return {{first, first + static_cast<std::ptrdiff_t>(decisions_)}};
}

std::span<const double> Cohort::scores(int index) const {
  return std::span(scores_).subspan(static_cast<std::size_t>(index) * score_count_, score_count_);
}

std::string_view Cohort::status(int index) const {
  const auto found = failures_.find(index);
  return found == failures_.end() ? std::string_view{} : found->second;
}

}  // namespace assay
