// Evaluated candidates of a run, by the number of their evaluation. Columns instead of a record each: about
// 100 bytes plus two per decision for each that is held. A run whose journal knows them all holds only those
// that it still looks at; of the others there remains whether they failed.
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

  // Returns the number of the new evaluation. The row's scores are kept only when its status is good.
  int add(const Candidate& candidate, const GateResult& gate, const ScoreRow& row);

  // Evaluations so far, whether or not they are held.
  int size() const { return size_; }
  // Empty status.
  bool good(int evaluation) const;

  std::span<const int> held() const { return held_; }  // ascending
  bool holds(int evaluation) const;
  bool holds_all() const { return static_cast<int>(held_.size()) == size_; }
  // Forgets all others. Ascending; all of them are held.
  void keep(std::span<const int> evaluations);
  // Takes a forgotten one in again.
  void restore(int evaluation, const Candidate& candidate, const GateResult& gate, const ScoreRow& row);

  // The rest is for evaluations that are held; InternalError otherwise.
  Candidate candidate(int evaluation) const;
  std::uint64_t fingerprint(int evaluation) const { return fingerprints_[slot(evaluation)]; }
  const Costs& costs(int evaluation) const { return costs_[slot(evaluation)]; }
  // score_names().size() values; meaningless when the evaluation failed.
  std::span<const double> scores(int evaluation) const;
  std::string_view status(int evaluation) const;
  // The rank score as of the last standing it was part of; NaN before, and where the evaluation failed.
  double fitness(int evaluation) const { return fitness_[slot(evaluation)]; }

  struct Entry {
    int evaluation;
    const Costs& costs;
    std::span<const double> scores;
    double& fitness;
  };
  // Visits those, which ascend, in one pass over what is held.
  template <class Visit>
  void visit(std::span<const int> evaluations, Visit&& visit);

 private:
  std::size_t slot(int evaluation) const;
  [[noreturn]] static void throw_not_held(int evaluation);
  void insert(std::size_t at, int evaluation, const Candidate& candidate, const GateResult& gate,
              const ScoreRow& row);

  std::size_t decisions_;
  std::size_t score_count_;
  int size_ = 0;
  std::vector<int> failed_;  // of all evaluations, ascending
  // One entry (or decisions_ or score_count_ of them) per held evaluation.
  std::vector<int> held_;
  std::vector<std::uint16_t> choices_;
  std::vector<std::uint64_t> fingerprints_;
  std::vector<Costs> costs_;
  std::vector<double> scores_;
  std::vector<double> fitness_;
  std::map<int, std::string> statuses_;  // of those that failed
};

template <class Visit>
void Cohort::visit(std::span<const int> evaluations, Visit&& visit) {
  std::size_t at = evaluations.empty() ? 0 : slot(evaluations.front());
  for (const int evaluation : evaluations) {
    while (at < held_.size() && held_[at] < evaluation) ++at;
    if (at == held_.size() || held_[at] != evaluation) throw_not_held(evaluation);
    visit(Entry{evaluation, costs_[at], std::span(scores_).subspan(at * score_count_, score_count_),
                fitness_[at]});
  }
}

}  // namespace assay
