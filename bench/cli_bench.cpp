// What the search spends on a candidate before any score, whole and by its parts: decode, fingerprint,
// memory, latency; what the filter spends on a line, its parsing and its answer included; and the journal's
// share of whole searches. Every subgraph is known to the session, as after a search's first thousand
// candidates.
#include "assay/base/text.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/report/table.hpp"

#include "candidate_filter.hpp"
#include "filter_format.hpp"
#include "network_evaluator.hpp"
#include "run_recorder.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>
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
  cli::ScoreService service({}, 1, {}, std::nullopt, true);
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

void filter(benchmark::State& state, const char* name, cli::StreamFormat format) {
  const Workload w(name);
  const bool is_json = format == cli::StreamFormat::json_lines;
  std::vector<std::string> names;
  for (const Decision& decision : w.space.decisions()) names.push_back(decision.name);
  std::vector<std::string> texts;
  for (const Candidate& candidate : w.candidates) {
    std::vector<Column> columns;
    std::vector<Cell> row;
    for (std::size_t d = 0; d < names.size(); ++d) {
      columns.push_back({names[d], names[d]});
      row.emplace_back(w.space.decisions()[d].options[candidate.choices[d]]);
    }
    texts.push_back(is_json ? json_line(columns, row) : csv_line(row));
    texts.back().pop_back();
  }
  std::vector<cli::Line> lines;
  for (const std::string& text : texts) lines.push_back({text, std::ssize(lines) + 1});

  const Estimator estimator = w.estimator();
  WorkerPool pool(1);
  cli::CandidateFilter filter(w.space, &estimator, {}, pool, nullptr, nullptr);
  const CandidateParser parser =
      is_json ? CandidateParser(w.space, "lines") : CandidateParser(w.space, "lines", join(names, ","), 1);
  const cli::FilterFormat answers(format, names, filter.results());
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (const cli::FilterRow& row : filter.judge(parser, lines, {})) answers.append(out, row);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * std::ssize(lines));
}

class TimedRecorder final : public cli::RunRecorder {
 public:
  using RunRecorder::RunRecorder;
  void commit(int generation, std::span<const JournalEntry> entries, const Counts& counts,
              std::span<const int> front) override {
    const cli::Clock clock;
    RunRecorder::commit(generation, entries, counts, front);
    seconds += clock.seconds();
  }
  double seconds = 0;
};

// journal_percent: of the search's time, spent in the journal's calls. slower_percent: by how much the search
// takes longer than without a journal, whose thread shares the processor with it; the median of pairs, one
// beside the other.
void journalled_search(benchmark::State& state, const std::vector<std::string>& scores) {
  const Workload w("ibn_fashion.toml");
  const Estimator estimator = w.estimator();
  SearchSettings settings;
  settings.evaluations = state.range(0);
  settings.budget.set(Metric::latency, 1);
  RunIdentity identity;
  for (const Decision& decision : w.space.decisions())
    identity.decisions.push_back({decision.name, decision.options});
  identity.scores = scores;
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "assay_cli_bench.journal";
  // Seconds; by a service of its own, as one keeps the scores of networks that it has met.
  const auto search = [&](const SearchHooks& hooks, const auto& at_the_end) {
    cli::ScoreService service({.scores = scores}, 1, {}, std::nullopt, true);
    cli::NetworkEvaluator evaluator(w.space, &estimator, service, rank_terms(scores), {});
    const cli::Clock clock;
    benchmark::DoNotOptimize(run_search(w.space, evaluator, settings, hooks));
    at_the_end();
    return clock.seconds();
  };
  double journal_seconds = 0, seconds = 0, bytes = 0;
  std::vector<double> ratios;
  for (auto _ : state) {
    const double plain_seconds = search({}, [] {});

    std::filesystem::remove(path);
    RunJournal journal = RunJournal::create(path, identity);
    TimedRecorder recorder(journal);
    const double journalled_seconds = search({&recorder, {}, {}}, [&] {
      const cli::Clock closing;
      journal.close();  // what was not committed yet, and the -wal file moved into the journal
      journal_seconds += recorder.seconds + closing.seconds();
    });
    seconds += journalled_seconds;
    state.SetIterationTime(journalled_seconds);
    ratios.push_back(journalled_seconds / plain_seconds);
    bytes = static_cast<double>(std::filesystem::file_size(path));
    ++settings.strategy.seed;
  }
  std::filesystem::remove(path);
  std::ranges::nth_element(ratios, ratios.begin() + std::ssize(ratios) / 2);
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["journal_percent"] = 100 * journal_seconds / seconds;
  state.counters["slower_percent"] = 100 * (ratios[ratios.size() / 2] - 1);
  state.counters["journal_bytes"] = bytes / static_cast<double>(state.range(0));
}

BENCHMARK_CAPTURE(journalled_search, default_scores, ScoreSettings{}.scores)
    ->Arg(256)
    ->Iterations(3)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(journalled_search, gates_only, {"params"})
    ->Arg(20'000)
    ->Arg(100'000)
    ->Iterations(9)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(filter, mnasnet_accel_csv, "mnasnet_accel.toml", cli::StreamFormat::csv)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(filter, mnasnet_accel_json, "mnasnet_accel.toml", cli::StreamFormat::json_lines)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(filter, nasbench201_json, "nasbench201.toml", cli::StreamFormat::json_lines)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(gates, mnasnet_accel, "mnasnet_accel.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(gates, nasbench201, "nasbench201.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(gates, ibn_fashion, "ibn_fashion.toml")->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(decode, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(identify, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(memory, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(split, mnasnet_accel, "mnasnet_accel.toml");
BENCHMARK_CAPTURE(predict, mnasnet_accel, "mnasnet_accel.toml");  // split and look up

}  // namespace
