#include "assay/rewrite/plan.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "beam.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay {
namespace {

// Of the objective's logarithm: what gains less is not worth a step that a person has to follow.
constexpr double noticeable = 5e-3;

class Planner {
 public:
  Planner(const Network& network, const Estimator& estimator, const RewriteScores& scores,
          const RewriteSettings& settings, const std::function<void(const RewriteProgress&)>& progress)
      : settings_(settings),
        progress_(progress),
        meter_(estimator, scores),
        keep_(settings.keep, network),
        original_(meter_.measured(network, {})),
        exact_score_of_original_(meter_.exact_score(original_)),
        min_score_(
            std::max(settings.limits.min_score, exact_score_of_original_ + settings.limits.min_score_change)),
        currency_(settings.objective, settings.limits, min_score_) {}

  RewritePlan plan();

 private:
  std::vector<Trial> trials(const RewriteState& now, bool explore);
  Verdict judge(const NetworkFigures& now, const NetworkFigures& then) const;
  std::optional<Network> replay(std::span<const std::string> path) const;
  RewriteState without_idle_steps(RewriteState best);
  RewriteState improved(BeamSearch& search, RewriteState best, std::vector<Trial>& rejected);
  RewriteState confirmed(BeamSearch& search, const RewriteState& start, std::vector<Trial>& rejected);
  std::vector<Trial> told(const RewriteState& result);
  void report(const RewriteState& best) const;

  bool allowed(const RewriteStep& step) const {
    return settings_.allowed[static_cast<std::size_t>(step.kind)];
  }
  bool by_score() const { return settings_.objective == RewriteObjective::score; }
  double gain(const NetworkFigures& now, const NetworkFigures& then) const {
    return currency_.objective(now) - currency_.objective(then);
  }

  const RewriteSettings& settings_;
  const std::function<void(const RewriteProgress&)>& progress_;
  Meter meter_;
  Keep keep_;
  RewriteState original_;
  double exact_score_of_original_;
  double min_score_;
  Currency currency_;  // with the floor for quick scores
};

void Planner::report(const RewriteState& best) const {
  if (progress_) progress_({static_cast<int>(best.path.size()), best.figures.latency_ms, best.figures.score});
}

Verdict Planner::judge(const NetworkFigures& now, const NetworkFigures& then) const {
  if (!currency_.within_ceilings(then) && currency_.within_ceilings(now)) return Verdict::over_limit;
  if (by_score() && !std::isfinite(then.score)) return Verdict::unscored;
  if (gain(now, then) < -noticeable) return Verdict::worse;
  if (gain(now, then) <= noticeable) return Verdict::no_gain;
  if (!std::isfinite(then.score)) return Verdict::unscored;
  if (currency_.better(then, now)) return Verdict::better;
  return then.score < currency_.min_score() ? Verdict::score_falls : Verdict::over_limit;
}

// Every step that `now` offers. Scored is what improves the objective; to explore, also what costs little.
std::vector<Trial> Planner::trials(const RewriteState& now, bool explore) {
  constexpr double little = 1.25;
  std::vector<RewriteStep> steps = find_steps(*now.network, meter_.estimator());
  std::erase_if(steps, [&](const RewriteStep& step) { return repeats(now.path, step); });
  const std::vector<char> permitted = keep_.permitted(*now.network, steps);
  std::vector<RewriteState> states;
  for (const RewriteStep& step : steps) {
    states.push_back(
        {.network = std::make_shared<Network>(apply(*now.network, step.edit)), .path = {}, .figures = {}});
    states.back().figures = meter_.figures(*states.back().network);
  }
  std::vector<RewriteState*> to_score;
  for (RewriteState& state : states) {
    const bool gains = !by_score() && gain(now.figures, state.figures) > noticeable;
    const bool cheap = state.figures.latency_ms <= little * now.figures.latency_ms;
    if (gains || (cheap && (explore || by_score()))) to_score.push_back(&state);
  }
  meter_.score_quickly(to_score);
  std::vector<Trial> trials;
  for (std::size_t i = 0; i < states.size(); ++i) {
    Trial trial{.step = std::move(steps[i]),
                .figures = std::move(states[i].figures),
                .effect = effect_of(meter_.estimator(), *now.network, *states[i].network)};
    trial.verdict = judge(now.figures, trial.figures);
    trial.allowed = allowed(trial.step) && permitted[i] != 0;
    trials.push_back(std::move(trial));
  }
  return trials;
}

// The network after the pinned steps and those of the path; none where it does not offer one of the latter.
std::optional<Network> Planner::replay(std::span<const std::string> path) const {
  Network network = *original_.network;
  for (std::size_t i = 0; i < settings_.pinned.size() + path.size(); ++i) {
    const bool pinned = i < settings_.pinned.size();
    const std::string& text = pinned ? settings_.pinned[i] : path[i - settings_.pinned.size()];
    const std::vector<RewriteStep> steps = find_steps(network, meter_.estimator());
    const auto step = std::ranges::find(steps, text, &RewriteStep::text);
    if (step != steps.end()) {
      network = apply(network, step->edit);
      continue;
    }
    if (!pinned) return std::nullopt;
    std::vector<std::string> known;
    for (const RewriteStep& offered : steps) known.push_back(offered.text());
    throw InputError(
        fmt::format("The network does not offer the step \"{}\" here.{}", text, suggestion(text, known)));
  }
  return network;
}

// Takes out, one by one, the steps without which the result is as good: the search took them on the way to
// something else, or others made up for them.
RewriteState Planner::without_idle_steps(RewriteState best) {
  // All together may cost what one step has to gain: then taking out and putting in come to an end.
  const NetworkFigures before = best.figures;
  for (;;) {
    std::vector<RewriteState> shorter;
    for (std::size_t i = 0; i < best.path.size(); ++i) {
      std::vector<std::string> path = best.path;
      path.erase(path.begin() + static_cast<std::ptrdiff_t>(i));
      std::optional<Network> network = replay(path);
      if (!network) continue;
      RewriteState state{
          .network = std::make_shared<Network>(*std::move(network)), .path = std::move(path), .figures = {}};
      state.figures = meter_.figures(*state.network);
      if (by_score() || gain(before, state.figures) >= -noticeable) shorter.push_back(std::move(state));
    }
    std::vector<RewriteState*> to_score;
    for (RewriteState& state : shorter) to_score.push_back(&state);
    meter_.score_quickly(to_score);
    const RewriteState* found = nullptr;
    for (const RewriteState& state : shorter) {
      if (gain(before, state.figures) < -noticeable) continue;
      if (currency_.violation(state.figures) > currency_.violation(before)) continue;
      if (found == nullptr || currency_.better(state.figures, found->figures)) found = &state;
    }
    if (found == nullptr) return best;
    best = RewriteState(*found);
  }
}

// Searches from the best network so far until no single step improves it any more. Leaves in `rejected` what
// those steps do.
RewriteState Planner::improved(BeamSearch& search, RewriteState best, std::vector<Trial>& rejected) {
  for (;;) {
    best = search.run(best, [this](const RewriteState& state) { report(state); });
    best = without_idle_steps(std::move(best));
    rejected = trials(best, false);
    const Trial* found = nullptr;
    for (const Trial& trial : rejected) {
      if (!trial.allowed || trial.verdict != Verdict::better) continue;
      if (found == nullptr || currency_.better(trial.figures, found->figures)) found = &trial;
    }
    if (found == nullptr || static_cast<int>(best.path.size()) >= settings_.max_steps) return best;
    best.path.push_back(found->step.text());
    best.network = std::make_shared<Network>(apply(*best.network, found->step.edit));
    best.figures = NetworkFigures(found->figures);
    report(best);
  }
}

// Searches until the result keeps the floor with its exact score, too. What it lacks is what quick scores
// flatter the best of many by: the floor rises by that, and the best that is left is where the search goes
// on. Where nothing stands, the result is what there was at the start, if that does.
RewriteState Planner::confirmed(BeamSearch& search, const RewriteState& start, std::vector<Trial>& rejected) {
  constexpr int rounds = 12, hopeless = 3;
  constexpr double least_rise = 0.002;
  int outside = 0;  // rounds that ended out of limits
  double floor = min_score_;
  const auto serves = [&](const RewriteState& state) {
    return currency_.within_ceilings(state.figures) && meter_.exact_score(state) >= min_score_;
  };
  RewriteState best = start;
  for (int round = 1; round <= rounds; ++round) {
    best = improved(search, std::move(best), rejected);
    const double score = meter_.exact_score(best);
    if (score >= min_score_) {
      // A floor that was raised on the way may have made a slower network look necessary.
      if (!serves(start) || gain(start.figures, best.figures) > 0) return best;
      break;
    }
    if (!currency_.within_limits(best.figures) && ++outside == hopeless) break;
    floor += std::max(min_score_ - score, least_rise);
    currency_.set_min_score(floor);
    search.correct(best, score);
    best = search.best();
  }
  if (!serves(start)) return best;
  rejected = trials(start, false);
  return start;
}

// The way to the result, step by step, each measured.
std::vector<Trial> Planner::told(const RewriteState& result) {
  std::vector<std::string> path = settings_.pinned;
  path.insert(path.end(), result.path.begin(), result.path.end());
  std::vector<RewriteState> states = {original_};
  std::vector<Trial> taken;
  for (const std::string& text : path) {
    const Network& before = *states.back().network;
    const std::vector<RewriteStep> steps = find_steps(before, meter_.estimator());
    const auto step = std::ranges::find(steps, text, &RewriteStep::text);
    if (step == steps.end()) throw InternalError("a step of a plan cannot be found again: " + text);
    auto network = std::make_shared<Network>(apply(before, step->edit));
    taken.push_back(
        {.step = *step, .figures = {}, .effect = effect_of(meter_.estimator(), before, *network)});
    states.push_back({.network = network, .path = {}, .figures = meter_.figures(*network)});
  }
  std::vector<RewriteState*> to_score;
  for (std::size_t i = 1; i < states.size(); ++i) to_score.push_back(&states[i]);
  meter_.score_exactly(to_score);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    taken[i].figures = states[i + 1].figures;
    taken[i].verdict = judge(states[i].figures, states[i + 1].figures);
  }
  return taken;
}

RewritePlan Planner::plan() {
  if (!std::isfinite(exact_score_of_original_))
    throw InputError(
        fmt::format("The network has no score, so nothing can be said about what rewrites do to it: {}. Name "
                    "other scores.",
                    original_.figures.score_status));
  RewritePlan plan;
  plan.alone = trials(original_, true);
  currency_.set_rate(exchange_rate(currency_, original_.figures, plan.alone));
  // Half as slow again as the original, or as what was pinned, is as far as a detour may lead.
  constexpr double detour = 1.5;
  RewriteState start = original_;
  if (!settings_.pinned.empty()) start = meter_.measured(replay({}).value(), {});
  BeamSearch search(meter_, currency_, keep_, settings_,
                    detour * std::max(original_.figures.latency_ms, start.figures.latency_ms));
  for (const Trial& trial : plan.alone)
    if (std::isfinite(trial.figures.score))
      search.expect(trial.step.text(), trial.figures.score - original_.figures.score);

  const RewriteState best = confirmed(search, start, plan.rejected);
  plan.quick_score_of_original = original_.figures.score;
  plan.quick_score_of_result = best.figures.score;

  // From here on with exact scores.
  currency_.set_min_score(min_score_);
  RewriteState* const only = &original_;
  meter_.score_exactly({&only, 1});
  plan.original = original_.figures;
  plan.taken = told(best);
  plan.network = *best.network;
  plan.min_score = min_score_;
  plan.within_limits = currency_.within_limits(plan.result());
  plan.exchange_rate = currency_.rate();
  plan.networks = meter_.networks();
  plan.scored = meter_.scored();
  return plan;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, 6> names = {"better",      "no gain",    "worse",
                                                     "score falls", "over limit", "no score"};
  return names[static_cast<std::size_t>(verdict)];
}

RewritePlan plan_rewrites(const Network& network, const Estimator& estimator, const RewriteScores& scores,
                          const RewriteSettings& settings,
                          const std::function<void(const RewriteProgress&)>& progress) {
  return Planner(network, estimator, scores, settings, progress).plan();
}

}  // namespace assay
