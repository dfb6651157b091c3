#include "beam.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {

// With forecasts in place of scores.
void BeamSearch::add_children(const RewriteState& state, States& children) {
  const std::vector<RewriteStep> steps = find_steps(*state.network, meter_.estimator());
  const std::vector<char> permitted = keep_.permitted(*state.network, steps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!settings_.allowed[static_cast<std::size_t>(steps[i].kind)] || permitted[i] == 0) continue;
    if (repeats(state.path, steps[i])) continue;
    auto network = std::make_shared<Network>(apply(*state.network, steps[i].edit));
    if (!seen_.insert(fingerprint(*network)).second) continue;
    RewriteState child{.network = std::move(network),
                       .path = state.path,
                       .figures = {},
                       .parent_score = state.figures.score};
    child.path.push_back(steps[i].text());
    child.figures = meter_.figures(*child.network);
    if (child.figures.latency_ms > slowest_ms_) continue;
    const auto known = score_change_.find(child.path.back());
    child.figures.score = child.parent_score + (known != score_change_.end() ? known->second : 0);
    children.push_back(std::move(child));
  }
}

// In turns the best of either view of the score, each once.
BeamSearch::States BeamSearch::best_of(States states, std::size_t count) const {
  const auto ranked = [&](bool rich) {
    std::vector<double> cost;
    for (const RewriteState& state : states) cost.push_back(currency_.cost(state.figures, rich));
    std::vector<std::size_t> order(states.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return cost[i]; });
    return order;
  };
  const std::vector<std::size_t> careful = ranked(false), rich = ranked(true);
  std::vector<char> chosen(states.size(), 0);
  States best;
  count = std::min(count, states.size());
  for (std::size_t i = 0; best.size() < count; ++i) {
    for (const std::size_t next : {careful[i], rich[i]}) {
      if (best.size() == count || chosen[next] != 0) continue;
      chosen[next] = 1;
      best.push_back(std::move(states[next]));
    }
  }
  return best;
}

RewriteState BeamSearch::run(const RewriteState& start,
                             const std::function<void(const RewriteState& best)>& progress) {
  // A level that finds nothing better is no end yet: a step that pays may come after one that does not.
  constexpr int patience = 3;
  const auto width = static_cast<std::size_t>(settings_.beam);
  RewriteState best = start;
  States beam = {start};
  scored_.push_back(start);
  seen_ = {fingerprint(*start.network)};
  int idle = 0;
  const int most = settings_.max_steps - static_cast<int>(start.path.size());
  for (int level = 0; level < most && idle < patience && !beam.empty(); ++level) {
    States children;
    for (const RewriteState& state : beam) add_children(state, children);
    // Half as many again as can stay: forecasts err.
    children = best_of(std::move(children), width + (width + 1) / 2);
    std::vector<RewriteState*> to_score;
    for (RewriteState& child : children) to_score.push_back(&child);
    meter_.score_quickly(to_score);
    std::erase_if(children, [](const RewriteState& child) { return !std::isfinite(child.figures.score); });
    scored_.insert(scored_.end(), children.begin(), children.end());
    ++idle;
    for (const RewriteState& child : children) {
      score_change_[child.path.back()] = child.figures.score - child.parent_score;
      if (!currency_.better(child.figures, best.figures)) continue;
      best = child;
      idle = 0;
    }
    beam = best_of(std::move(children), width);
    if (progress) progress(best);
  }
  return best;
}

const RewriteState& BeamSearch::best() const {
  return *std::ranges::min_element(scored_, [&](const RewriteState& a, const RewriteState& b) {
    return currency_.better(a.figures, b.figures);
  });
}

void BeamSearch::correct(const RewriteState& state, double score) {
  RewriteState corrected = state;
  corrected.figures.score = score;
  std::erase_if(scored_, [&](const RewriteState& other) { return other.path == state.path; });
  scored_.push_back(std::move(corrected));
}

}  // namespace assay
