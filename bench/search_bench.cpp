// What the search itself costs beside gates and scores: proposals, bookkeeping, ranking, fronts.
#include "../tests/search_fixture.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

std::vector<Point> random_points(std::int64_t count) {
  Random random(1, Purpose::noise);
  std::vector<Point> points(static_cast<std::size_t>(count));
  for (Point& point : points) {
    const double cost = random.uniform();
    point = {cost + 0.1 * random.normal(), cost};
  }
  return points;
}

void pareto_layers_of(benchmark::State& state) {
  const std::vector<Point> points = random_points(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(pareto_layers(points));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(pareto_layers_of)->Arg(2000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void choose_shortlist_of(benchmark::State& state) {
  const std::vector<Point> points = random_points(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(choose_shortlist(points, 10));
}
BENCHMARK(choose_shortlist_of)->Arg(2000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// Candidates a second with a toy evaluator, so nearly all of it is the search's own.
void whole_search(benchmark::State& state, const char* strategy) {
  const Space space = toy_space(30, 5);
  for (auto _ : state) {
    ToyEvaluator evaluator(space);
    SearchSettings settings;
    settings.evaluations = state.range(0);
    settings.strategy.name = strategy;
    settings.budget.set(Metric::latency, 2.5 * evaluator.least_latency_ms());
    benchmark::DoNotOptimize(run_search(space, evaluator, settings));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(whole_search, evolution, "evolution")
    ->Arg(2000)
    ->Arg(50'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(whole_search, random, "random")->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace
