// What the search spends on a candidate before any score, whole and by its parts: decode, fingerprint,
// memory, latency. Every subgraph is known to the session, as after a search's first thousand candidates.
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"

#include "network_evaluator.hpp"

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

struct Workload {
  explicit Workload(const std::string& name)
      : folder(ASSAY_SOURCE_DIR "/spaces/"),
        space(Space::load(folder + name)),
        accelerator(Accelerator::load(folder + "accelerators/edge_npu_16.toml")) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      Random random(7, Purpose::sample, 0, i);
      candidates.push_back(space.sample(random));
      declared.push_back(space.decode(candidates.back()));
      executed.push_back(canonical(declared.back()));
    }
  }
  Estimator estimator() const { return fit_from_networks(accelerator, std::span(executed).first(300)); }

  std::string folder;
  Space space;
  Accelerator accelerator;
  std::vector<Candidate> candidates;
  std::vector<Network> declared, executed;
};

// Calls `work` with the indices of the candidates in turn.
template <class F>
void each_candidate(benchmark::State& state, const Workload& workload, const F& work) {
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(work(i));
    if (++i == workload.candidates.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void gates(benchmark::State& state, const char* name) {
  const Workload w(name);
  const Estimator estimator = w.estimator();
  cli::ScoreService service({}, 1, 0, std::nullopt, true);
  cli::NetworkEvaluator evaluator(w.space, &estimator, service, rank_terms(service.settings().scores), {});
  std::vector<GateResult> results(w.candidates.size());
  evaluator.gate(w.candidates, results);
  for (auto _ : state) evaluator.gate(w.candidates, results);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(w.candidates.size()));
}

void decode(benchmark::State& state, const char* name) {
  const Workload w(name);
  each_candidate(state, w, [&](std::size_t i) { return w.space.decode(w.candidates[i]); });
}

void identify(benchmark::State& state, const char* name) {
  const Workload w(name);
  each_candidate(state, w, [&](std::size_t i) { return assay::identify(w.declared[i]); });
}

void memory(benchmark::State& state, const char* name) {
  const Workload w(name);
  each_candidate(state, w, [&](std::size_t i) { return peak_memory_bytes(w.accelerator, w.executed[i]); });
}

void split(benchmark::State& state, const char* name) {
  const Workload w(name);
  SubgraphSplitter splitter(w.accelerator.fusion);
  each_candidate(state, w, [&](std::size_t i) { return splitter.split(w.executed[i]).data(); });
}

void predict(benchmark::State& state, const char* name) {
  const Workload w(name);
  const Estimator estimator = w.estimator();
  Estimator::Session session(estimator);
  for (const Network& network : w.executed) session.predict(network);
  each_candidate(state, w, [&](std::size_t i) { return session.predict(w.executed[i]); });
}

BENCHMARK_CAPTURE(gates, mnasnet_accel, "mnasnet_accel.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(gates, nasbench201, "nasbench201.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(gates, ibn_fashion, "ibn_fashion.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(decode, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(identify, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(memory, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(split, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(predict, mnasnet_accel, "mnasnet_accel.toml");  // split and look up

}  // namespace
