// Every evaluated candidate of a run, in the order of evaluation. Columns instead of one record each: a run
// of a million candidates takes about 100 bytes plus two per decision for each.
#pragma once

#include "assay/search/evaluator.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

class Cohort {
 public:
  Cohort(std::size_t decisions, std::size_t scores) : decisions_(decisions), score_count_(scores) {}

  // Returns the index of the new evaluation. The row's scores are kept only when its status is good.
  int add(const Candidate& candidate, const GateResult& gate, const ScoreRow& row);

  int size() const { return static_cast<int>(fingerprints_.size()); }
  Candidate candidate(int index) const;
  std::uint64_t fingerprint(int index) const { return fingerprints_[static_cast<std::size_t>(index)]; }
  const Costs& costs(int index) const { return costs_[static_cast<std::size_t>(index)]; }
  // score_names().size() values; meaningless when the evaluation failed.
  std::span<const double> scores(int index) const;
  // Empty when the evaluation is good.
  std::string_view status(int index) const;
  bool good(int index) const { return !failures_.contains(index); }

 private:
  std::size_t decisions_;
  std::size_t score_count_;
  std::vector<std::uint16_t> choices_;
  std::vector<std::uint64_t> fingerprints_;
  std::vector<Costs> costs_;
  std::vector<double> scores_;
  std::map<int, std::string> failures_;
};

}  // namespace assay
