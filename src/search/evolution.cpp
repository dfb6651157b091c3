#include "assay/search/strategy.hpp"

#include <algorithm>

namespace assay {

RegularisedEvolution::RegularisedEvolution(const Space& space, const StrategySettings& settings)
    : space_(space), settings_(settings) {}

std::vector<Candidate> RegularisedEvolution::ask(int count) {
  std::vector<Candidate> candidates;
  candidates.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Random random(settings_.seed, Purpose::mutate, 0, proposals_++);
    candidates.push_back(propose(random));
  }
  return candidates;
}

Candidate RegularisedEvolution::propose(Random& random) const {
  const auto population = static_cast<std::size_t>(settings_.population);
  if (distinct_told_ < settings_.population || members_.size() + stand_ins_.size() == 0) {
    return space_.sample(random);
  }
  // Fresh samples until the population is full: children of the first few to meet a tight budget would fill
  // it with one family.
  if (members_.size() < population && random.below(2) == 0) return space_.sample(random);

  const bool from_front = !front_.empty() && random.uniform() < settings_.front_share;
  const Candidate child = from_front ? cross_front(random) : cross_winners(random);
  // A population that proposes what is known already has to look further away.
  const double widening = 1 + duplicates_in_a_row_ / 8.0;
  const auto decisions = static_cast<double>(std::max<std::size_t>(1, space_.decisions().size()));
  return space_.mutate(child, random, std::min(1.0, settings_.mutations * widening / decisions));
}

Candidate RegularisedEvolution::cross_front(Random& random) const {
  const std::size_t chosen = random.below(front_.size());
  if (front_.size() < 2 || random.uniform() >= settings_.crossover) return front_[chosen];
  const bool up = chosen == 0 || (chosen + 1 < front_.size() && random.below(2) == 0);
  return space_.crossover(front_[chosen], front_[up ? chosen + 1 : chosen - 1], random);
}

Candidate RegularisedEvolution::cross_winners(Random& random) const {
  const Candidate& winner = tournament(random);
  if (random.uniform() >= settings_.crossover) return winner;
  return space_.crossover(winner, tournament(random), random);
}

const Candidate& RegularisedEvolution::tournament(Random& random) const {
  const auto draw = [&]() -> const Member& {
    const std::size_t at = random.below(members_.size() + stand_ins_.size());
    return at < members_.size() ? members_[at] : stand_ins_[at - members_.size()];
  };
  const auto better = [](const Member& a, const Member& b) {
    return a.violation != b.violation ? a.violation < b.violation : a.fitness > b.fitness;
  };
  const Member* winner = &draw();
  for (int i = 1; i < settings_.tournament; ++i) {
    const Member& rival = draw();
    if (better(rival, *winner)) winner = &rival;
  }
  return winner->candidate;
}

void RegularisedEvolution::tell(std::span<const Told> results, const Standing& standing) {
  const auto population = static_cast<std::size_t>(settings_.population);
  for (const Told& told : results) {
    if (told.outcome == Outcome::duplicate) {
      ++duplicates_in_a_row_;
      continue;
    }
    duplicates_in_a_row_ = 0;
    ++distinct_told_;
    if (told.outcome == Outcome::scored) {
      members_.push_back({told.candidate, told.evaluation, 0, 0});
      if (members_.size() > population) members_.pop_front();
    } else if (told.outcome == Outcome::over_budget && members_.size() < population) {
      const auto after = std::upper_bound(stand_ins_.begin(), stand_ins_.end(), told.violation,
                                          [](double v, const Member& m) { return v < m.violation; });
      stand_ins_.insert(after, {told.candidate, -1, 0, told.violation});
    }
    if (members_.size() + stand_ins_.size() > population) stand_ins_.resize(population - members_.size());
  }
  for (Member& m : members_) {
    // Where nearly all fail, members grow older than what the cohort holds; they keep what they had then.
    if (standing.cohort.holds(m.evaluation)) m.fitness = standing.cohort.fitness(m.evaluation);
  }
  update_front(standing);
}

// A front of thousands changes by a few at a time, and those that stay keep their order.
void RegularisedEvolution::update_front(const Standing& standing) {
  if (std::ranges::equal(standing.front, on_front_)) return;
  std::vector<Candidate> front;
  front.reserve(standing.front.size());
  auto old = on_front_.begin();
  for (const int e : standing.front) {
    const auto same = std::find(old, on_front_.end(), e);
    if (same == on_front_.end()) {
      front.push_back(standing.cohort.candidate(e));
      continue;
    }
    front.push_back(std::move(front_[static_cast<std::size_t>(same - on_front_.begin())]));
    old = same + 1;
  }
  front_ = std::move(front);
  on_front_.assign(standing.front.begin(), standing.front.end());
}

}  // namespace assay
