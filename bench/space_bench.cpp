// Decoding and variation of candidates: they run for every candidate of a search, before any gate.
#include "assay/space/space.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

Space load(const char* name) {
  return Space::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/" + name + ".toml");
}

std::vector<Candidate> candidates(const Space& space) {
  std::vector<Candidate> drawn;
  for (std::uint64_t i = 0; i < 512; ++i) {
    Random random(1, Purpose::sample, 0, i);
    drawn.push_back(space.sample(random));
  }
  return drawn;
}

void decode(benchmark::State& state, const char* name) {
  const Space space = load(name);
  const std::vector<Candidate> drawn = candidates(space);
  std::size_t next = 0;
  std::int64_t operators = 0;
  for (auto _ : state) {
    const Network network = space.decode(drawn[next++ % drawn.size()]);
    operators += network.size();
    benchmark::DoNotOptimize(network.parameters());
  }
  state.counters["operators"] =
      benchmark::Counter(static_cast<double>(operators), benchmark::Counter::kAvgIterations);
  state.counters["networks/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(decode, mnasnet_accel, "mnasnet_accel");
BENCHMARK_CAPTURE(decode, nasbench201, "nasbench201");
BENCHMARK_CAPTURE(decode, mobilenetv2, "mobilenetv2");
BENCHMARK_CAPTURE(decode, ibn_fashion, "ibn_fashion");

void sample(benchmark::State& state, const char* name) {
  const Space space = load(name);
  Random random(2, Purpose::sample);
  for (auto _ : state) benchmark::DoNotOptimize(space.sample(random));
}
BENCHMARK_CAPTURE(sample, mnasnet_accel, "mnasnet_accel");
BENCHMARK_CAPTURE(sample, ibn_fashion, "ibn_fashion");

void mutate(benchmark::State& state, const char* name) {
  const Space space = load(name);
  const std::vector<Candidate> drawn = candidates(space);
  Random random(3, Purpose::mutate);
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(space.mutate(drawn[next++ % drawn.size()], random, 0.1));
}
BENCHMARK_CAPTURE(mutate, mnasnet_accel, "mnasnet_accel");
BENCHMARK_CAPTURE(mutate, ibn_fashion, "ibn_fashion");

void parse(benchmark::State& state, const char* name) {
  for (auto _ : state) benchmark::DoNotOptimize(load(name).decisions().size());
}
BENCHMARK_CAPTURE(parse, mnasnet_accel, "mnasnet_accel")->Unit(benchmark::kMillisecond);

}  // namespace
