// Rank scores over evaluations: over a sample while a run goes on, over all of them at its end.
#pragma once

#include "assay/search/pareto.hpp"
#include "assay/search/search.hpp"

#include <vector>

namespace assay {

// Those among which fitness is ranked: all while they are few; then the latest (every population is among
// them), the older ones at even distances, and the front. Bounded, so that a generation's cost does not grow
// with the run. The front has to ascend, and so does the sample.
//
// The distance is a power of two: what is left out once stays out, and need not be held.
std::vector<int> sample_of(const Cohort& cohort, std::span<const int> front);
// The most that sample_of gives, not counting the front.
constexpr int most_sampled = 4096;

// Ranks the good ones of these evaluations, which ascend and are held, and tells the cohort their fitness.
// What comes back stands in their order.
struct RankedSample {
  std::vector<int> evaluations;
  std::vector<Point> points;  // rank score and cost
};
RankedSample rank_sample(Evaluator& evaluator, Cohort& cohort, std::span<const int> sample, Metric cost);

// Numbers of all evaluations, held or read back from the journal, which may be null where all are held.
class AllEvaluations {
 public:
  AllEvaluations(const Cohort& cohort, Journal* journal) : cohort_(cohort), journal_(journal) {}

  std::vector<int> good() const;
  // Of the evaluations in good().
  std::vector<double> scores(std::size_t score) const;
  std::vector<double> costs(Metric metric) const;

 private:
  template <class OfHeld, class Read>
  std::vector<double> column(OfHeld&& of_held, Read&& read) const;

  const Cohort& cohort_;
  Journal* journal_;
};

}  // namespace assay
