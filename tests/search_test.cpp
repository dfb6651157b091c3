#include "search_fixture.hpp"

#include <set>

#include <doctest/doctest.h>

using namespace assay;

namespace {

SearchSettings settings_of(std::int64_t evaluations, std::uint64_t seed = 1,
                           const std::string& strategy = "evolution") {
  SearchSettings settings;
  settings.evaluations = evaluations;
  settings.strategy.seed = seed;
  settings.strategy.name = strategy;
  return settings;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void check_counts(const SearchResult& result) {
  const Counts& counts = result.counts;
  CHECK(counts.proposed ==
        counts.duplicates + counts.unbuildable + counts.over_budget_total() + counts.evaluated);
  CHECK(counts.evaluated == result.cohort.size());
}

}  // namespace

TEST_CASE("the same seed gives the same result, another seed another") {
  const Space space = toy_space(12, 4);
  for (const std::string& strategy : strategy_names()) {
    SearchSettings settings = settings_of(200, 5, strategy);
    settings.budget.set(Metric::latency, 18);
    const auto result = [&] {
      ToyEvaluator evaluator(space);
      return digest(run_search(space, evaluator, settings));
    };
    const std::string first = result();
    CHECK(first == result());
    settings.strategy.seed = 6;
    CHECK(first != result());
  }
}

TEST_CASE("evolution finds better fronts and better scores than random search, median of 20 seeds") {
  const Space space = toy_space(20, 5);
  std::vector<double> volume[2], best[2];
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const int s : {0, 1}) {
      ToyEvaluator evaluator(space, seed);
      SearchSettings settings = settings_of(600, seed, strategy_names()[static_cast<std::size_t>(s)]);
      const double limit = 2.2 * evaluator.least_latency_ms();
      settings.budget.set(Metric::latency, limit);
      const SearchResult result = run_search(space, evaluator, settings);
      std::vector<Point> points;
      double best_quality = 0;
      for (int e = 0; e < result.cohort.size(); ++e) {
        points.push_back({evaluator.quality(result.cohort.candidate(e)), result.cohort.costs(e).latency_ms});
        best_quality = std::max(best_quality, points.back().score);
      }
      volume[s].push_back(hypervolume(points, {0, limit}));
      best[s].push_back(best_quality);
    }
  }
  MESSAGE("hypervolume: evolution ", median(volume[0]), ", random ", median(volume[1]));
  MESSAGE("best score: evolution ", median(best[0]), ", random ", median(best[1]));
  CHECK(median(volume[0]) > 1.3 * median(volume[1]));
  CHECK(median(best[0]) > 1.1 * median(best[1]));
}

TEST_CASE("nothing over budget is scored, and every proposal is accounted for") {
  const Space space = toy_space(12, 4);
  ToyEvaluator evaluator(space);
  evaluator.unbuildable_in = 7;
  SearchSettings settings = settings_of(400);
  settings.budget.set(Metric::params, 120);
  settings.budget.set(Metric::memory, 118 * 512);
  settings.budget.set(Metric::latency, 20);
  const SearchResult result = run_search(space, evaluator, settings);
  CHECK(result.reason == StopReason::evaluations);
  CHECK(result.counts.evaluated == 400);
  check_counts(result);
  for (int e = 0; e < result.cohort.size(); ++e) {
    const Costs& costs = result.cohort.costs(e);
    CHECK_FALSE(settings.budget.exceeded(costs).has_value());
    CHECK(static_cast<double>(costs.params) >= result.counts.smallest[0]);
    CHECK(costs.latency_ms >= result.counts.smallest[3]);
  }
  CHECK(result.counts.unbuildable > 0);
  CHECK(result.counts.build_failures.at("kernel 7 is too large") == result.counts.unbuildable);
  CHECK(result.counts.over_budget[0] > 0);  // params come first
  CHECK(result.counts.over_budget[1] == 0);
  CHECK(result.counts.over_budget[2] > 0);
  CHECK(result.counts.over_budget[3] > 0);
}

TEST_CASE("a budget that random samples never meet is reached by evolution") {
  const Space space = toy_space(20, 5);
  ToyEvaluator evaluator(space);
  SearchSettings settings = settings_of(100);
  settings.budget.set(Metric::latency, 1.25 * evaluator.least_latency_ms());
  const SearchResult result = run_search(space, evaluator, settings);
  CHECK(result.counts.evaluated == 100);
  CHECK(result.counts.proposed < 20'000);

  settings.strategy.name = "random";
  settings.patience = 20'000;
  CHECK_FALSE(input_error_of([&] { run_search(space, evaluator, settings); }).empty());
}

TEST_CASE("no fingerprint is ever scored twice") {
  const Space space = toy_space(8, 4);
  for (const std::string& strategy : strategy_names()) {
    ToyEvaluator evaluator(space);
    evaluator.equal_decisions = 3;  // 64 candidates for each of 1024 networks
    const SearchResult result = run_search(space, evaluator, settings_of(700, 2, strategy));
    CHECK(result.counts.duplicates > 0);
    CHECK(evaluator.scored == 700);
    CHECK(evaluator.times_scored.size() == 700);
    check_counts(result);
  }
}

TEST_CASE("a small space is exhausted: every network once, then a clean end") {
  const Space space = toy_space(5, 3);
  for (const std::string& strategy : strategy_names()) {
    ToyEvaluator evaluator(space);
    evaluator.equal_decisions = 1;
    const SearchResult result = run_search(space, evaluator, settings_of(1000, 3, strategy));
    CHECK(result.reason == StopReason::exhausted);
    CHECK(result.counts.evaluated == 81);
    check_counts(result);
  }
}

TEST_CASE("a large space with few networks ends when nothing new comes") {
  const Space space = toy_space(14, 4);
  ToyEvaluator evaluator(space);
  evaluator.equal_decisions = 13;
  SearchSettings settings = settings_of(1000);
  settings.patience = 3000;
  const SearchResult result = run_search(space, evaluator, settings);
  CHECK(result.reason == StopReason::stalled);
  CHECK(result.counts.evaluated == 4);
}

TEST_CASE("a budget that nothing meets is an error that says what would do") {
  const Space space = toy_space(6, 3);
  ToyEvaluator evaluator(space);
  SearchSettings settings = settings_of(50);
  settings.budget.set(Metric::latency, 1.5);
  settings.budget.set(Metric::memory, 105 * 512);
  settings.budget.set(Metric::params, 1000);
  const std::string message = input_error_of([&] { run_search(space, evaluator, settings); });
  INFO(message);
  CHECK(mentions(message, space.source()));
  CHECK(mentions(message, "729 distinct candidates"));  // the whole space
  CHECK(mentions(message, "--params 1000: rejected 0; the smallest params seen is 100."));
  CHECK(mentions(message, "--memory-kib 52.5: rejected "));
  CHECK(mentions(message, "the smallest memory seen is 50 KiB."));
  CHECK(mentions(message, "--latency-ms 1.5: rejected "));
  const std::string latency = "the smallest latency seen is ";
  REQUIRE(mentions(message, latency));
  // Rounded up: a limit of the number shown can be met.
  const double shown = std::stod(message.substr(message.find(latency) + latency.size()));
  CHECK(shown >= evaluator.least_latency_ms());
  CHECK(shown <= evaluator.least_latency_ms() * 1.00001);
  CHECK(mentions(message, "Raise"));
  CHECK(evaluator.scored == 0);

  settings.budget = {};
  evaluator.unbuildable_in = 1;
  const std::string unbuildable = input_error_of([&] { run_search(space, evaluator, settings); });
  CHECK(mentions(unbuildable, "729 could not be built: kernel 7 is too large"));
}

TEST_CASE("limits that can only be met one at a time are told so") {
  const Space space = toy_space(1, 5);
  struct Contrary : ToyEvaluator {
    using ToyEvaluator::ToyEvaluator;
    void gate(std::span<const Candidate> candidates, std::span<GateResult> results) override {
      ToyEvaluator::gate(candidates, results);
      for (GateResult& result : results) result.costs.macs = 1000 - result.costs.params;
    }
  };
  Contrary evaluator(space);
  SearchSettings settings = settings_of(50);
  settings.budget.set(Metric::params, 101);
  settings.budget.set(Metric::macs, 897);
  CHECK(mentions(input_error_of([&] { run_search(space, evaluator, settings); }), "not all at once"));
}

TEST_CASE("failures are recorded and never among the results") {
  const Space space = toy_space(10, 4);
  ToyEvaluator evaluator(space);
  evaluator.failing_in = 3;
  SearchSettings settings = settings_of(300);
  settings.shortlist = 300;
  const SearchResult result = run_search(space, evaluator, settings);
  CHECK(result.counts.failed > 50);
  CHECK(result.counts.score_failures ==
        std::map<std::string, std::int64_t>{{"score noisy is not finite", result.counts.failed}});
  int good = 0;
  for (int e = 0; e < result.cohort.size(); ++e) {
    const bool failed = result.cohort.fingerprint(e) % 3 == 0;
    CHECK(result.cohort.good(e) == !failed);
    CHECK(result.cohort.status(e) == (failed ? "score noisy is not finite" : ""));
    CHECK(std::isnan(result.rank_scores[static_cast<std::size_t>(e)]) == failed);
    good += failed ? 0 : 1;
  }
  CHECK(good + result.counts.failed == 300);
  CHECK(static_cast<int>(result.shortlist.size()) == good);
  for (const int e : result.shortlist) CHECK(result.cohort.good(e));
  for (const int e : result.front) CHECK(result.cohort.good(e));

  evaluator.failing_in = 1;
  const SearchResult nothing = run_search(space, evaluator, settings_of(40));
  CHECK(nothing.counts.failed == 40);
  CHECK(nothing.shortlist.empty());
}

TEST_CASE("front and shortlist are those of all good evaluations, also beyond the fitness cohort") {
  const Space space = toy_space(16, 5);
  ToyEvaluator evaluator(space);
  const SearchResult result = run_search(space, evaluator, settings_of(6000));
  CHECK(result.rank_scores == evaluator.rank(6000, [&](std::size_t score) {
    std::vector<double> values;
    for (int e = 0; e < 6000; ++e) values.push_back(result.cohort.scores(e)[score]);
    return values;
  }));
  std::vector<Point> points;
  for (int e = 0; e < 6000; ++e)
    points.push_back(
        {result.rank_scores[static_cast<std::size_t>(e)], evaluator.latency_ms(result.cohort.candidate(e))});
  CHECK(result.front == pareto_front(points));
  CHECK(result.shortlist == choose_shortlist(points, 5));
}

TEST_CASE("a long run with a journal forgets what it need not look at, and ends the same") {
  const Space space = toy_space(16, 5);
  const auto evaluator = [&] {
    ToyEvaluator fresh(space);
    fresh.failing_in = 50;
    return fresh;
  };
  SearchSettings settings = settings_of(20'000);
  settings.generation = 200;
  settings.shortlist = 20;
  ToyEvaluator first = evaluator(), second = evaluator();
  const SearchResult held = run_search(space, first, settings);
  MemoryJournal journal;
  std::size_t most = 0;
  const auto watch = [&](const Progress& progress) { most = std::max(most, progress.cohort.held().size()); };
  const SearchResult forgot = run_search(space, second, settings, {&journal, watch, {}});
  CHECK(held.cohort.holds_all());
  CHECK_FALSE(forgot.cohort.holds_all());
  CHECK(most < 10'000);
  CHECK(forgot.cohort.size() == 20'000);
  CHECK(forgot.counts.failed == held.counts.failed);
  CHECK(forgot.front == held.front);
  CHECK(forgot.shortlist == held.shortlist);
  for (int e = 0; e < 20'000; ++e) {
    CHECK(forgot.cohort.good(e) == held.cohort.good(e));
    const auto at = static_cast<std::size_t>(e);
    if (held.cohort.good(e)) CHECK(forgot.rank_scores[at] == held.rank_scores[at]);
  }
  for (const auto* evaluations : {&forgot.front, &forgot.shortlist}) {
    for (const int e : *evaluations) {
      CHECK(forgot.cohort.candidate(e) == held.cohort.candidate(e));
      CHECK(forgot.cohort.costs(e).latency_ms == held.cohort.costs(e).latency_ms);
      CHECK(forgot.cohort.scores(e)[1] == held.cohort.scores(e)[1]);
      CHECK(forgot.cohort.fingerprint(e) == held.cohort.fingerprint(e));
    }
  }
  CHECK_THROWS_AS(forgot.cohort.candidate(1), InternalError);
  const Candidate worst{std::vector<std::uint16_t>(16, 0)};
  CHECK(evaluate_baseline(worst, first, held.cohort).rank_score ==
        evaluate_baseline(worst, second, forgot.cohort, &journal).rank_score);
}

TEST_CASE("a run stopped at any moment and resumed ends like an uninterrupted one") {
  const Space space = toy_space(10, 4);
  for (const std::string& strategy : strategy_names()) {
    SearchSettings settings = settings_of(150, 9, strategy);
    settings.generation = 16;
    settings.budget.set(Metric::latency, 17);
    const auto evaluator = [&] {
      ToyEvaluator fresh(space);
      fresh.failing_in = 11;
      return fresh;
    };
    ToyEvaluator whole = evaluator();
    MemoryJournal whole_journal;
    const std::string expected = digest(run_search(space, whole, settings, {&whole_journal, {}, {}}));

    for (std::int64_t stop_after = 0; stop_after < 150; stop_after += 7) {
      MemoryJournal journal;
      std::stop_source stop;
      ToyEvaluator interrupted = evaluator();
      interrupted.stop_source = &stop;
      interrupted.stop_after = stop_after;
      const SearchResult partial = run_search(space, interrupted, settings, {&journal, {}, stop.get_token()});
      CHECK(partial.reason == StopReason::stopped);
      CHECK(partial.counts.evaluated == stop_after);  // nothing that was scored is lost
      CHECK(static_cast<std::int64_t>(journal.entries.size()) == stop_after);
      CHECK(partial.shortlist.empty() == (stop_after == 0));

      ToyEvaluator rest = evaluator();
      const SearchResult resumed = run_search(space, rest, settings, {&journal, {}, {}});
      CHECK(digest(resumed) == expected);
      CHECK(resumed.recalled == stop_after);
      CHECK(rest.scored == 150 - stop_after);
      CHECK(journal.committed_evaluations.back() == whole_journal.committed_evaluations.back());
      CHECK(journal.generations.back() == whole_journal.generations.back());
    }
    // Everything known: nothing is scored or committed again.
    const std::size_t commits = whole_journal.generations.size();
    ToyEvaluator idle = evaluator();
    CHECK(digest(run_search(space, idle, settings, {&whole_journal, {}, {}})) == expected);
    CHECK(idle.scored == 0);
    CHECK(whole_journal.generations.size() == commits);
  }
}

TEST_CASE("a stop before the first proposal gives an empty result") {
  const Space space = toy_space(6, 3);
  ToyEvaluator evaluator(space);
  std::stop_source stop;
  stop.request_stop();
  const SearchResult result = run_search(space, evaluator, settings_of(10), {nullptr, {}, stop.get_token()});
  CHECK(result.reason == StopReason::stopped);
  CHECK(result.cohort.size() == 0);
  CHECK(result.front.empty());
}

TEST_CASE("the hypervolume of the progress is against the first generation, and never falls") {
  const Space space = toy_space(12, 4);
  for (const bool limited : {true, false}) {
    ToyEvaluator evaluator(space);
    SearchSettings settings = settings_of(600);
    if (limited) settings.budget.set(Metric::latency, 18);
    std::vector<double> seen;
    const auto watch = [&](const Progress& progress) {
      seen.push_back(progress.hypervolume);
      if (progress.counts.evaluated != settings.generation) return;
      std::vector<Point> points;
      for (int e = 0; e < settings.generation; ++e)
        points.push_back({progress.cohort.fitness(e), progress.cohort.costs(e).latency_ms});
      const double dearest = std::ranges::max(points, {}, &Point::cost).cost;
      const double expected = hypervolume(points, {median_score(points), limited ? 18 : dearest});
      CHECK(expected > 0);
      CHECK(progress.hypervolume == doctest::Approx(expected));
    };
    run_search(space, evaluator, settings, {nullptr, watch, {}});
    CHECK(seen.front() == 0);
    CHECK(std::ranges::is_sorted(seen));
    CHECK(seen.back() > *std::ranges::find_if(seen, [](double volume) { return volume > 0; }));
  }
}

TEST_CASE("given candidates come first, and progress counts up") {
  const Space space = toy_space(10, 4);
  ToyEvaluator evaluator(space);
  SearchSettings settings = settings_of(100);
  settings.initial = {Candidate{std::vector<std::uint16_t>(10, 3)},
                      Candidate{std::vector<std::uint16_t>(10, 0)}};
  std::int64_t proposed = 0, evaluated = 0, calls = 0;
  double best = -1e9;
  SearchHooks hooks;
  hooks.progress = [&](const Progress& progress) {
    CHECK(progress.counts.proposed >= proposed);
    CHECK(progress.counts.evaluated == progress.cohort.size());
    CHECK((progress.best >= 0) == (progress.counts.evaluated > 0));
    proposed = progress.counts.proposed;
    evaluated = progress.counts.evaluated;
    if (progress.best >= 0) best = progress.cohort.scores(progress.best)[0];
    ++calls;
  };
  const SearchResult result = run_search(space, evaluator, settings, hooks);
  CHECK(result.cohort.candidate(0) == settings.initial[0]);
  CHECK(result.cohort.candidate(1) == settings.initial[1]);
  CHECK(evaluated == 100);
  CHECK(calls >= 8);
  CHECK(best == result.cohort.scores(result.front.back())[0]);
}

TEST_CASE("a baseline is measured against the cohort without joining it") {
  const Space space = toy_space(10, 4);
  ToyEvaluator evaluator(space);
  const SearchResult result = run_search(space, evaluator, settings_of(200));
  const Baseline best =
      evaluate_baseline(result.cohort.candidate(result.front.back()), evaluator, result.cohort);
  const Baseline worst =
      evaluate_baseline(Candidate{std::vector<std::uint16_t>(10, 0)}, evaluator, result.cohort);
  CHECK(best.rank_score > worst.rank_score);
  CHECK(best.gate.costs.latency_ms == result.cohort.costs(result.front.back()).latency_ms);
  CHECK(worst.gate.costs.params == 100);

  evaluator.failing_in = 1;
  CHECK(std::isnan(evaluate_baseline(result.cohort.candidate(0), evaluator, result.cohort).rank_score));
  evaluator.unbuildable_in = 1;
  CHECK(mentions(
      input_error_of([&] { evaluate_baseline(result.cohort.candidate(0), evaluator, result.cohort); }),
      "kernel 7 is too large"));
}

TEST_CASE("settings out of range are refused") {
  const Space space = toy_space(6, 3);
  ToyEvaluator evaluator(space);
  const auto refusal = [&](auto&& change) {
    SearchSettings settings = settings_of(10);
    change(settings);
    return input_error_of([&] { run_search(space, evaluator, settings); });
  };
  CHECK(refusal([](SearchSettings&) {}).empty());
  CHECK(mentions(refusal([](SearchSettings& s) { s.evaluations = 0; }), "0 evaluations"));
  CHECK(mentions(refusal([](SearchSettings& s) { s.strategy.name = "evolutoin"; }),
                 "Did you mean \"evolution\"?"));
  CHECK(mentions(refusal([](SearchSettings& s) { s.strategy.population = 1; }), "population of 1"));
  CHECK(mentions(refusal([](SearchSettings& s) { s.strategy.crossover = 1.5; }), "1.5"));
  CHECK(mentions(refusal([](SearchSettings& s) { s.strategy.mutations = -1; }), "-1"));
  CHECK(mentions(refusal([](SearchSettings& s) { s.generation = 0; }), "generations of 0"));
}
