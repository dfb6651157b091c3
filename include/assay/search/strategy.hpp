// Strategies: what to try next. A strategy is a pure function of its seed and of what it was told, so that
// replaying a journal brings it back to where it was; every random number depends on the seed and on the
// running index of the proposal alone.
#pragma once

#include "assay/search/cohort.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class Outcome : std::uint8_t { duplicate, unbuildable, over_budget, failed, scored };

// What became of one proposal.
struct Told {
  Candidate candidate;
  Outcome outcome = Outcome::duplicate;
  double violation = 0;  // over_budget: Budget::violation
  int evaluation = -1;   // scored: index into the cohort
};

// Where evaluations stand now. Rank scores are relative to the cohort and change with it, so its fitness is
// told anew each time.
struct Standing {
  const Cohort& cohort;
  std::span<const int> front;  // evaluations of the Pareto front, by ascending cost
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual std::vector<Candidate> ask(int count) = 0;

  // Results in the order of their proposals.
  virtual void tell(std::span<const Told> results, const Standing& standing) = 0;
};

struct StrategySettings {
  std::string name = "evolution";  // see strategy_names()
  std::uint64_t seed = 0;
  int population = 64;
  int tournament = 16;
  double crossover = 0.75;
  double mutations = 1;      // expected number of changed decisions; at least one is
  double front_share = 0.3;  // parents taken from the Pareto front instead of a tournament
};

// "evolution", "random".
std::span<const std::string> strategy_names();
// Throws InputError for an unknown name or settings out of range. The space must outlive the strategy.
std::unique_ptr<Strategy> make_strategy(const Space& space, const StrategySettings& settings);

// Independent samples: the yardstick.
class RandomSearch final : public Strategy {
 public:
  RandomSearch(const Space& space, const StrategySettings& settings) : space_(space), seed_(settings.seed) {}

  std::vector<Candidate> ask(int count) override;
  void tell(std::span<const Told>, const Standing&) override {}

 private:
  const Space& space_;
  std::uint64_t seed_;
  std::uint64_t proposals_ = 0;
};

// Regularised ("aging") evolution, Real et al. 2019, "Regularized evolution for image classifier architecture
// search", algorithm 1: a tournament picks the parent, the child enters the population, the oldest member
// leaves. Three things are added:
// - Uniform crossover with a second tournament winner.
// - Budgets: while fewer members than the population's size meet the budget, candidates over budget stand in
//   for the missing ones, least violation first (Deb 2000, "An efficient constraint handling method for
//   genetic algorithms"), so that a tight budget is approached instead of being waited for.
// - The front: a share of the parents comes from the Pareto front of everything evaluated, and is crossed
// with a
//   neighbour on the front. The population alone, whose tournaments see only the rank score, would gather in
//   the corner where the budget ends.
class RegularisedEvolution final : public Strategy {
 public:
  RegularisedEvolution(const Space& space, const StrategySettings& settings);

  std::vector<Candidate> ask(int count) override;
  void tell(std::span<const Told> results, const Standing& standing) override;

 private:
  struct Member {
    Candidate candidate;
    int evaluation = -1;
    double fitness = 0;
    double violation = 0;
  };

  void update_front(const Standing& standing);
  Candidate propose(Random& random) const;
  Candidate cross_front(Random& random) const;
  Candidate cross_winners(Random& random) const;
  const Candidate& tournament(Random& random) const;

  const Space& space_;
  StrategySettings settings_;
  std::uint64_t proposals_ = 0;
  std::int64_t distinct_told_ = 0;
  int duplicates_in_a_row_ = 0;
  std::deque<Member> members_;     // meet the budget, oldest first
  std::vector<Candidate> front_;   // by ascending cost
  std::vector<int> on_front_;      // their evaluations
  std::vector<Member> stand_ins_;  // over budget, least violation first
};

}  // namespace assay
