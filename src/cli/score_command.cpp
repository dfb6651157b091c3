#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/runtime/runtime.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"

#include <atomic>
#include <mutex>

#include <fmt/format.h>

namespace assay::cli {
namespace {

struct Scored {
  bool done = false;
  ScoreRecord record;
};

std::vector<Scored> score_all(const Workload& workload, const ScoreSettings& settings, int workers,
                              std::int64_t worker_bytes, std::stop_token stop, bool quiet) {
  const Scorer scorer(settings);
  const std::vector<Item>& items = workload.items();
  std::vector<Scored> results(items.size());
  ProgressLine progress(quiet);
  std::mutex progress_lock;
  std::size_t finished = 0;
  const Clock clock;
  WorkerPool pool(workers, worker_bytes);
  pool.run(static_cast<std::int64_t>(items.size()), [&](Worker& worker, std::int64_t index) {
    if (stop.stop_requested()) return;
    Scored& result = results[static_cast<std::size_t>(index)];
    try {
      result.record = scorer.score(worker, workload.network(items[static_cast<std::size_t>(index)]), stop);
      if (result.record.status == "cancelled") return;
    } catch (const InputError& error) {
      result.record.status = fmt::format("not_buildable: {}", error.what());
      result.record.values.assign(settings.scores.size(), std::numeric_limits<double>::quiet_NaN());
    }
    result.done = true;
    const std::lock_guard lock(progress_lock);
    ++finished;
    if (!progress.due()) return;
    const double seconds = clock.seconds();
    const double rate = static_cast<double>(finished) / seconds;
    progress.show(static_cast<double>(finished) / static_cast<double>(items.size()),
                  fmt::format("{}/{} scored  {:.1f}/s  {} left", finished, items.size(), rate,
                              human_duration(static_cast<double>(items.size() - finished) / rate)));
  });
  progress.clear();
  if (!quiet) {
    note(fmt::format("{} networks scored in {} ({:.1f} a second, {} threads).", finished,
                     human_duration(clock.seconds()), static_cast<double>(finished) / clock.seconds(),
                     pool.size()));
  }
  return results;
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  const ScoreSettings settings = score_settings(arguments);
  const Workload workload(arguments);
  const InterruptGuard guard;
  const std::vector<Scored> results = score_all(workload, settings, worker_count(arguments),
                                                worker_memory(arguments), guard.token(), output.quiet());

  std::vector<ScoreRecord> cohort;
  for (const Scored& result : results) {
    if (result.done) cohort.push_back(result.record);
  }
  if (cohort.empty()) return 130;
  const std::vector<double> ranks = rank_scores(cohort, score_directions(settings.scores));

  std::vector<Column> columns;
  for (const std::string& name : settings.scores)
    columns.push_back({name, name, name == "params" || name == "macs" ? Style::count : Style::number});
  columns.push_back({"rank_score", "rank score", Style::fixed});
  columns.push_back({"status", "status", Style::text});
  Table table = result_table(workload, output, columns);
  std::size_t row = 0;
  std::size_t not_buildable = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].done) continue;
    std::vector<Cell> cells;
    for (const double value : cohort[row].values) cells.emplace_back(value);
    cells.emplace_back(ranks[row]);
    cells.emplace_back(cohort[row].status);
    not_buildable += cohort[row].status.starts_with("not_buildable");
    add_result(table, workload, workload.items()[i], std::move(cells));
    ++row;
  }
  if (not_buildable == cohort.size())
    throw InputError(fmt::format("{}: no candidate can be built. {}", workload.source(), cohort[0].status));
  if (not_buildable > 0 && !output.quiet())
    note(fmt::format("{} candidates cannot be built; their status says why.", not_buildable));
  output.write(table);
  return InterruptGuard::requested() ? 130 : 0;
}

}  // namespace

Command score_command() {
  return {
      .name = "score",
      .summary = "zero-shot scores and the rank score of candidates or of one network",
      .positionals = "SPACE.toml | NETWORK.json",
      .max_positionals = 1,
      .description =
          "Executes randomly initialised networks on a tiny random batch and prints what they promise: one "
          "column\n"
          "per score, and a rank score that combines them over all networks of the call (higher is better).",
      .groups = {input_options(), score_options(), output_options()},
      .example =
          "  assay score spaces/nasbench201.toml --sample 20 --scores synflow,naswot,params\n"
          "  assay score spaces/nasbench201.toml --candidates mine.csv --out scored.csv",
      .run = run};
}

}  // namespace assay::cli
