#include "assay/search/search.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/search/pareto.hpp"

#include "fingerprint_set.hpp"
#include "ranking.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace assay {
namespace {

// Spaces up to this size are finished by enumeration once the strategy finds nothing new.
constexpr std::int64_t enumerable_size = 100'000;
// Proposals in a row without a new fingerprint, in populations, after which the strategy counts as out of
// ideas.
constexpr std::int64_t stale_populations = 20;
// Evaluations whose median and dearest make the hypervolume's reference point.
constexpr std::int64_t enough_for_reference = 32;

struct Proposal {
  Candidate candidate;
  GateResult gate;
};

// A score that is not finite is a status, never a number.
void settle_status(ScoreRow& row, std::span<const std::string> names) {
  if (!row.status.empty()) return;
  if (row.scores.size() != names.size()) throw InternalError("An evaluation has another number of scores.");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!std::isfinite(row.scores[i])) {
      row.status = fmt::format("score {} is not finite", names[i]);
      return;
    }
  }
}

class Run {
 public:
  Run(const Space& space, Evaluator& evaluator, const SearchSettings& settings, const SearchHooks& hooks)
      : space_(space),
        evaluator_(evaluator),
        settings_(settings),
        hooks_(hooks),
        strategy_(make_strategy(space, settings.strategy)),
        initial_(settings.initial.begin(), settings.initial.end()),
        cohort_(space.decisions().size(), evaluator.score_names().size()) {}

  SearchResult run();

 private:
  // Fills pending_ with up to `wanted` candidates to score; false when the search has to end.
  bool gather(std::size_t wanted);
  void fetch(std::size_t missing);
  void take(Proposal proposal, std::vector<Told>& told);
  bool out_of_candidates();
  // Scores pending_; false when the search was stopped meanwhile.
  bool score();
  void update_standing();
  Standing standing() const { return {cohort_, front_}; }
  void report() const;
  void update_hypervolume(std::span<const int> front_points);
  SearchResult finish();

  const Space& space_;
  Evaluator& evaluator_;
  const SearchSettings& settings_;
  const SearchHooks& hooks_;
  std::unique_ptr<Strategy> strategy_;

  std::deque<Candidate> initial_;
  bool enumerating_ = false;
  std::optional<Candidate> enumerated_;

  std::deque<Proposal> gated_;     // proposed and gated, not looked at yet
  std::vector<Proposal> pending_;  // passed every gate, to be scored in this generation
  FingerprintSet seen_;
  std::int64_t since_new_ = 0;       // proposals in a row without a new fingerprint
  std::int64_t since_scorable_ = 0;  // proposals in a row that gave nothing to score

  StopReason reason_ = StopReason::evaluations;
  Counts counts_;
  Cohort cohort_;
  RankedSample ranked_;       // that the front was chosen among
  std::vector<int> front_;    // by ascending cost, so the best is the last
  std::vector<int> members_;  // of the front, ascending
  Point reference_;           // of the hypervolume
  bool reference_settled_ = false;
  double hypervolume_ = 0;
  int generation_ = 0;
  std::int64_t recalled_ = 0;
};

SearchResult Run::run() {
  for (; counts_.evaluated < settings_.evaluations; ++generation_) {
    const std::int64_t left = settings_.evaluations - counts_.evaluated;
    const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(settings_.generation, left));
    const bool more = gather(wanted);
    if (reason_ == StopReason::stopped || !score() || !more) break;
  }
  return finish();
}

bool Run::gather(std::size_t wanted) {
  while (pending_.size() < wanted) {
    if (hooks_.stop.stop_requested()) {
      reason_ = StopReason::stopped;
      return false;
    }
    if (gated_.empty()) {
      if (out_of_candidates()) return false;
      // As many as for a whole generation: a run that later goes on with more evaluations proposes the same.
      fetch(static_cast<std::size_t>(settings_.generation) - pending_.size());
    }
    std::vector<Told> told;
    while (!gated_.empty() && pending_.size() < wanted) {
      take(std::move(gated_.front()), told);
      gated_.pop_front();
    }
    strategy_->tell(told, standing());
    report();
  }
  return true;
}

bool Run::out_of_candidates() {
  if (!enumerating_) {
    const bool patient = since_scorable_ < settings_.patience;
    if (patient && since_new_ < stale_populations * settings_.strategy.population) return false;
    const std::optional<std::int64_t> size = parse_integer(space_.size().digits);
    if (size && *size <= enumerable_size) {
      enumerating_ = true;
      enumerated_ = space_.first();
    } else if (patient) {
      return false;
    } else {
      reason_ = StopReason::stalled;
      return true;
    }
  }
  if (enumerated_) return false;
  reason_ = StopReason::exhausted;
  return true;
}

// Proposes and gates about as many candidates as will yield the missing ones, going by the run so far; what
// is not needed waits for the next generation.
void Run::fetch(std::size_t missing) {
  const double yield = static_cast<double>(counts_.evaluated + 1) / static_cast<double>(counts_.proposed + 1);
  const std::size_t most = 8 * static_cast<std::size_t>(settings_.generation);
  const auto count =
      std::min(most, static_cast<std::size_t>(std::ceil(static_cast<double>(missing) / yield)));

  std::vector<Candidate> candidates;
  while (candidates.size() < count && !initial_.empty()) {
    if (space_.violated_constraint(initial_.front()).empty()) {
      candidates.push_back(space_.normalised(initial_.front()));
    }
    initial_.pop_front();
  }
  while (enumerating_ && candidates.size() < count && enumerated_) {
    candidates.push_back(*enumerated_);
    enumerated_ = space_.next(*enumerated_);
  }
  if (!enumerating_ && candidates.size() < count) {
    std::vector<Candidate> asked = strategy_->ask(static_cast<int>(count - candidates.size()));
    std::move(asked.begin(), asked.end(), std::back_inserter(candidates));
  }
  std::vector<GateResult> results(candidates.size());
  evaluator_.gate(candidates, results);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    gated_.push_back({std::move(candidates[i]), std::move(results[i])});
  }
}

// The gates, cheapest first.
void Run::take(Proposal proposal, std::vector<Told>& told) {
  ++counts_.proposed;
  ++since_new_;
  ++since_scorable_;
  const GateResult& gate = proposal.gate;
  const auto& choices = proposal.candidate.choices;
  const std::uint64_t identity = gate.failure.empty()
                                     ? gate.fingerprint
                                     : hash_bytes(choices.data(), choices.size() * sizeof(choices[0]));
  if (!seen_.insert(identity)) {
    ++counts_.duplicates;
    told.push_back({std::move(proposal.candidate), Outcome::duplicate});
    return;
  }
  since_new_ = 0;
  if (!gate.failure.empty()) {
    counts_.count_build_failure(gate.failure);
    told.push_back({std::move(proposal.candidate), Outcome::unbuildable});
    return;
  }
  for (const Metric metric : all_metrics) {
    double& smallest = counts_.smallest[static_cast<std::size_t>(metric)];
    smallest = std::fmin(smallest, metric_value(gate.costs, metric));  // fmin passes over a NaN
  }
  if (const std::optional<Metric> limit = settings_.budget.exceeded(gate.costs)) {
    ++counts_.over_budget[static_cast<std::size_t>(*limit)];
    told.push_back(
        {std::move(proposal.candidate), Outcome::over_budget, settings_.budget.violation(gate.costs)});
    return;
  }
  if (!std::isfinite(metric_value(gate.costs, settings_.front_metric))) {
    throw InternalError(fmt::format("A candidate has no {} to trade against its score.",
                                    metric_name(settings_.front_metric)));
  }
  since_scorable_ = 0;
  pending_.push_back(std::move(proposal));
}

bool Run::score() {
  std::vector<ScoreRow> rows(pending_.size());
  std::vector<std::size_t> fresh;
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    std::optional<ScoreRow> known;
    if (hooks_.journal != nullptr) {
      known = hooks_.journal->recall(cohort_.size() + static_cast<int>(i), pending_[i].gate.fingerprint);
    }
    if (known) {
      rows[i] = std::move(*known);
      ++recalled_;
    } else {
      fresh.push_back(i);
      candidates.push_back(pending_[i].candidate);
    }
  }
  std::vector<ScoreRow> fresh_rows(fresh.size());
  const std::size_t done = fresh.empty() ? 0 : evaluator_.score(candidates, fresh_rows, hooks_.stop);
  for (std::size_t k = 0; k < done; ++k) rows[fresh[k]] = std::move(fresh_rows[k]);
  if (done < fresh.size()) {
    if (!hooks_.stop.stop_requested()) throw InternalError("A batch of scores came back incomplete.");
    reason_ = StopReason::stopped;
    rows.resize(fresh[done]);
  }

  std::vector<JournalEntry> entries;
  std::vector<Told> told;
  std::size_t next_fresh = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Proposal& proposal = pending_[i];
    settle_status(rows[i], evaluator_.score_names());
    const int e = cohort_.add(proposal.candidate, proposal.gate, rows[i]);
    const bool good = cohort_.good(e);
    ++counts_.evaluated;
    if (!good) counts_.count_score_failure(rows[i].status);
    told.push_back({proposal.candidate, good ? Outcome::scored : Outcome::failed, 0, e});
    if (next_fresh < fresh.size() && fresh[next_fresh] == i) {
      ++next_fresh;
      entries.push_back({e, std::move(proposal.candidate), std::move(proposal.gate), std::move(rows[i])});
    }
  }
  pending_.clear();
  update_standing();
  if (hooks_.journal != nullptr && !entries.empty())
    hooks_.journal->commit(generation_, entries, counts_, members_);
  strategy_->tell(told, standing());
  report();
  return reason_ != StopReason::stopped;
}

void Run::update_standing() {
  const std::vector<int> sample = sample_of(cohort_, members_);
  ranked_ = rank_sample(evaluator_, cohort_, sample, settings_.front_metric);
  front_ = pareto_front(ranked_.points);
  if (hooks_.progress) update_hypervolume(front_);
  // Collected from marks: to sort fronts of thousands each generation took as long as their journal.
  std::vector<char> on_front(ranked_.points.size());
  for (int& index : front_) {
    on_front[static_cast<std::size_t>(index)] = 1;
    index = ranked_.evaluations[static_cast<std::size_t>(index)];
  }
  members_.clear();
  for (std::size_t i = 0; i < on_front.size(); ++i) {
    if (on_front[i] != 0) members_.push_back(ranked_.evaluations[i]);
  }
  // Now and then, so that it costs nothing; the rest is in the journal.
  if (hooks_.journal != nullptr && std::ssize(cohort_.held()) > 2 * most_sampled) cohort_.keep(sample);
}

void Run::update_hypervolume(std::span<const int> front_points) {
  const std::vector<Point>& points = ranked_.points;
  if (points.empty()) return;
  if (!reference_settled_) {
    const Metric metric = settings_.front_metric;
    const double dearest = std::ranges::max(points, {}, &Point::cost).cost;
    reference_ = {median_score(points),
                  settings_.budget.limited(metric) ? settings_.budget.limit(metric) : dearest};
    reference_settled_ = std::ssize(points) >= enough_for_reference;
  }
  std::vector<Point> front;
  front.reserve(front_points.size());
  for (const int index : front_points) front.push_back(points[static_cast<std::size_t>(index)]);
  hypervolume_ = std::max(hypervolume_, hypervolume(front, reference_));
}

void Run::report() const {
  if (!hooks_.progress) return;
  const int best = front_.empty() ? -1 : front_.back();
  hooks_.progress({.counts = counts_,
                   .cohort = cohort_,
                   .generation = generation_,
                   .best = best,
                   .best_rank_score = best < 0 ? 0 : cohort_.fitness(best),
                   .front_size = front_.size(),
                   .hypervolume = hypervolume_,
                   .recalled = recalled_});
}

SearchResult Run::finish() {
  report();
  if (counts_.evaluated == 0 && reason_ != StopReason::stopped) {
    throw InputError(explain_rejections(settings_.budget, counts_, space_.source()));
  }
  seen_ = {};  // its memory is the ranking's
  const AllEvaluations all(cohort_, hooks_.journal);
  const std::vector<int> good = all.good();
  // Column after column, each freed before the next.
  std::vector<Point> points;
  if (!good.empty()) {
    const auto column = [&](std::size_t score) { return all.scores(score); };
    const std::vector<double> ranks = evaluator_.rank(good.size(), column);
    if (ranks.size() != good.size()) throw InternalError("A rank score is missing.");
    points.reserve(good.size());
    for (const double rank : ranks) points.push_back({.score = rank});
  }
  if (!good.empty()) {
    const std::vector<double> costs = all.costs(settings_.front_metric);
    for (std::size_t i = 0; i < good.size(); ++i) points[i].cost = costs[i];
  }
  const auto evaluations = [&](std::vector<int> indices) {
    for (int& index : indices) index = good[static_cast<std::size_t>(index)];
    return indices;
  };
  SearchResult result{.reason = reason_,
                      .counts = std::move(counts_),
                      .cohort = std::move(cohort_),
                      .rank_scores = {},
                      .front = evaluations(pareto_front(points)),
                      .shortlist = evaluations(choose_shortlist(points, settings_.shortlist)),
                      .recalled = recalled_};
  result.rank_scores.assign(static_cast<std::size_t>(result.cohort.size()),
                            std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < good.size(); ++i)
    result.rank_scores[static_cast<std::size_t>(good[i])] = points[i].score;
  for (const auto* wanted : {&result.front, &result.shortlist}) {
    for (const int e : *wanted) {
      if (result.cohort.holds(e)) continue;
      const JournalEntry entry = hooks_.journal->read(e);
      result.cohort.restore(e, entry.candidate, entry.gate, entry.row);
    }
  }
  return result;
}

}  // namespace

SearchResult run_search(const Space& space, Evaluator& evaluator, const SearchSettings& settings,
                        const SearchHooks& hooks) {
  constexpr std::int64_t most_evaluations = std::numeric_limits<int>::max();
  if (settings.evaluations < 1 || settings.evaluations > most_evaluations) {
    throw InputError(fmt::format("The search is asked for {} evaluations; give a number from 1 to {}.",
                                 settings.evaluations, most_evaluations));
  }
  if (settings.generation < 1 || settings.shortlist < 0 || settings.patience < 1) {
    throw InputError(
        fmt::format("The search has generations of {}, a shortlist of {} and a patience of {}; give at least "
                    "1, 0 and 1.",
                    settings.generation, settings.shortlist, settings.patience));
  }
  return Run(space, evaluator, settings, hooks).run();
}

Baseline evaluate_baseline(const Candidate& candidate, Evaluator& evaluator, const Cohort& cohort,
                           Journal* journal) {
  Baseline baseline;
  evaluator.gate({&candidate, 1}, {&baseline.gate, 1});
  if (!baseline.gate.failure.empty()) {
    throw InputError("The baseline cannot be built: " + baseline.gate.failure);
  }
  evaluator.score({&candidate, 1}, {&baseline.row, 1}, {});
  settle_status(baseline.row, evaluator.score_names());
  baseline.rank_score = std::numeric_limits<double>::quiet_NaN();
  if (!baseline.row.status.empty()) return baseline;

  const AllEvaluations all(cohort, journal);
  const auto with_baseline = [&](std::size_t score) {
    std::vector<double> values = all.scores(score);
    values.push_back(baseline.row.scores[score]);
    return values;
  };
  baseline.rank_score = evaluator.rank(all.good().size() + 1, with_baseline).back();
  return baseline;
}

}  // namespace assay
