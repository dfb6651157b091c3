// Bulk random numbers: a network's initial weights are a million of them.
#include "assay/base/random.hpp"

#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

template <class Fill>
void run(benchmark::State& state, Fill fill) {
  std::vector<float> values(1 << 16);
  Random random(1, Purpose::weights);
  for (auto _ : state) {
    fill(random, values);
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}

void BM_fill_normal(benchmark::State& state) {
  run(state, [](Random& random, std::vector<float>& values) { random.fill_normal(values, 0, 1); });
}
BENCHMARK(BM_fill_normal);

void BM_fill_uniform(benchmark::State& state) {
  run(state, [](Random& random, std::vector<float>& values) { random.fill_uniform(values, -1, 1); });
}
BENCHMARK(BM_fill_uniform);

}  // namespace
