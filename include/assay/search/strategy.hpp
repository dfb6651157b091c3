// Strategies: what to try next. A strategy is a pure function of its seed and of what it was told, so that
// replaying a journal brings it back to where it was; every random number depends on the seed and on the
// running index of the proposal alone.
#pragma once

#include "assay/space/space.hpp"

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
  int evaluation = -1;   // scored: index into the fitness values
  double cost = 0;       // scored: the metric that the front trades against the rank score
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual std::vector<Candidate> ask(int count) = 0;

  // Results in the order of their proposals. fitness[e] is the current fitness of evaluation e, higher is
  // better. Fitness is relative to the cohort and changes with it, so the values of earlier evaluations are
  // told anew each time.
  virtual void tell(std::span<const Told> results, std::span<const double> fitness) = 0;
};

struct StrategySettings {
  std::string name = "evolution";  // see strategy_names()
  std::uint64_t seed = 0;
  int population = 64;
  int tournament = 12;
  double crossover = 0.5;
  double mutations = 1.5;    // expected number of changed decisions, at least one is
  double front_share = 0.5;  // proposals that aim at a cheaper part of the front, see RegularisedEvolution
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
  void tell(std::span<const Told>, std::span<const double>) override {}

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
// - The front: a share of the tournaments admits only members that cost no more than a randomly drawn member,
//   which keeps every part of the front populated instead of the corner at the budget alone.
class RegularisedEvolution final : public Strategy {
 public:
  RegularisedEvolution(const Space& space, const StrategySettings& settings);

  std::vector<Candidate> ask(int count) override;
  void tell(std::span<const Told> results, std::span<const double> fitness) override;

 private:
  struct Member {
    Candidate candidate;
    int evaluation = -1;
    double fitness = 0;
    double cost = 0;
    double violation = 0;
  };

  Candidate propose(Random& random) const;
  const Member& tournament(Random& random, double cost_limit) const;
  const Member& member(std::size_t index) const;

  const Space& space_;
  StrategySettings settings_;
  std::uint64_t proposals_ = 0;
  std::int64_t distinct_told_ = 0;
  int duplicates_in_a_row_ = 0;
  std::deque<Member> members_;     // meet the budget, oldest first
  std::vector<Member> stand_ins_;  // over budget, least violation first
};

}  // namespace assay
