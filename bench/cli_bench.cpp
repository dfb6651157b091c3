// What the search spends on a candidate before any score: decode, fingerprint, parameters, MACs, memory,
// latency.
#include "assay/estimate/estimator.hpp"

#include "network_evaluator.hpp"

#include <vector>

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

void BM_gates(benchmark::State& state, const char* name) {
  const std::string folder = ASSAY_SOURCE_DIR "/spaces/";
  const Space space = Space::load(folder + name);
  std::vector<Candidate> candidates;
  std::vector<Network> networks;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Random random(7, Purpose::sample, 0, i);
    candidates.push_back(space.sample(random));
    if (i < 300) networks.push_back(canonical(space.decode(candidates.back())));
  }
  const Estimator estimator =
      fit_from_networks(Accelerator::load(folder + "accelerators/edge_npu_16.toml"), networks);
  cli::ScoreService service({}, 1, 0, std::nullopt, true);
  cli::NetworkEvaluator evaluator(space, &estimator, service, rank_terms(service.settings().scores), {});
  std::vector<GateResult> results(candidates.size());
  for (auto _ : state) evaluator.gate(candidates, results);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(candidates.size()));
}
BENCHMARK_CAPTURE(BM_gates, mnasnet_accel, "mnasnet_accel.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_gates, nasbench201, "nasbench201.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_gates, ibn_fashion, "ibn_fashion.toml")->MeasureProcessCPUTime();

}  // namespace
