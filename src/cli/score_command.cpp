#include "assay/base/error.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "result_writer.hpp"
#include "score_service.hpp"
#include "scored_rows.hpp"
#include "terminal.hpp"
#include "workload.hpp"

#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

void write_results(const Workload& workload, const Output& output, const ScoreSettings& settings,
                   ScoredRows& scored) {
  std::vector<Column> columns;
  for (const std::string& name : settings.scores)
    columns.push_back({name, name, name == "params" || name == "macs" ? Style::count : Style::number});
  columns.push_back({"rank_score", "rank score", Style::fixed});
  columns.push_back({"status", "status", Style::text});
  RowWriter writer(output, result_columns(workload, output, columns));

  scored.finish([&](ScoredRow row) {
    std::vector<Cell> results(row.values.begin(), row.values.end());
    results.emplace_back(row.rank_score);
    results.emplace_back(std::move(row.status));
    writer.add(result_row(workload, output, std::move(row.own), std::move(results)));
  });
  writer.close();
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  const ScoreSettings settings = score_settings(arguments);
  const auto cache = cache_path(arguments);
  Workload workload(arguments);
  const InterruptGuard guard;
  ScoreService service(settings, worker_count(arguments), worker_memory(arguments), cache, output.quiet());
  if (service.executes()) workload.check();

  ScoredRows scored(spool_folder(output.path()), RankCohort(score_directions(settings.scores)));
  score_all(workload, output, service, guard.token(), scored);
  if (scored.size() == 0) return 130;
  if (scored.not_buildable() == scored.size())
    throw InputError(
        fmt::format("{}: no candidate can be built. {}", workload.source(), scored.first_status()));
  if (scored.not_buildable() > 0 && !output.quiet())
    note(fmt::format("{} candidates cannot be built; their status says why.", scored.not_buildable()));
  write_results(workload, output, settings, scored);
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
          "per score, and a rank score that combines them over all networks of the call (higher is better).\n"
          "Candidates are read, scored and put aside as a stream: a million take no more memory than a "
          "thousand. The\n"
          "rank score is exact for up to 131,072 networks; longer streams are compared with a random sample "
          "of "
          "that size,\n"
          "the same in every run, which moves ranks by less than 0.5 %. Networks that compute the same are "
          "executed once,\n"
          "and scores are kept for later runs.",
      .groups = {input_options(), score_options(), cache_options(), output_options()},
      .example =
          "  assay score spaces/nasbench201.toml --sample 20 --scores synflow,naswot,params\n"
          "  assay score spaces/nasbench201.toml --candidates mine.csv --out scored.csv\n"
          "  generate | assay score spaces/nasbench201.toml --candidates - --scores params,synflow",
      .run = run};
}

}  // namespace assay::cli
