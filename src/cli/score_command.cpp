#include "assay/base/error.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "rank_weights.hpp"
#include "reference.hpp"
#include "result_writer.hpp"
#include "score_service.hpp"
#include "scored_rows.hpp"
#include "terminal.hpp"
#include "wording.hpp"
#include "workload.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {
namespace {

OptionGroup reference_options() {
  OptionGroup group{
      "Comparison with random candidates (percentiles)",
      {{"reference", "SPACE.toml",
        "compare with candidates of this space; --candidate is compared with its own space anyway", ""}}};
  for (OptionSpec& option : reference_sample_options()) group.options.push_back(std::move(option));
  return group;
}

Style style_of(const std::string& score) {
  return score == "params" || score == "macs" ? Style::count : Style::number;
}

// One network for people: a line per score.
void write_comparison(const Output& output, const ScoreSettings& settings, const Reference& reference,
                      const ScoredRow& row) {
  Table table{.columns = {{"score", "score", Style::text},
                          {"value", "value", Style::text},
                          {"percentile", "better than", Style::percent}},
              .rows = {}};
  const std::vector<double> percentiles = reference.percentiles(row.values);
  for (std::size_t k = 0; k < settings.scores.size(); ++k) {
    const std::string& score = settings.scores[k];
    table.rows.push_back({score, readable(row.values[k], style_of(score)), percentiles[k]});
  }
  table.rows.push_back(
      {"rank score", readable(reference.rank_score(row.values), Style::fixed), percentiles.back()});
  if (row.status != "ok") table.rows.push_back({"status", row.status, {}});
  output.write(table);
}

// With a reference the rank score is that among its candidates, and percentiles stand behind the scores.
void write_results(const Workload& workload, const Output& output, const ScoreSettings& settings,
                   const Reference* reference, ScoredRows& scored) {
  if (reference != nullptr && scored.size() == 1 && output.format() == Format::table) {
    scored.finish([&](const ScoredRow& row) { write_comparison(output, settings, *reference, row); });
    return;
  }
  std::vector<Column> columns;
  for (const std::string& name : settings.scores) columns.push_back({name, name, style_of(name)});
  columns.push_back({"rank_score", "rank score", Style::fixed});
  if (reference != nullptr) {
    for (const std::string& name : settings.scores)
      columns.push_back({name + "_percentile", name + " better than", Style::percent});
    columns.push_back({"rank_score_percentile", "rank score better than", Style::percent});
  }
  columns.push_back({"status", "status", Style::text});
  RowWriter writer(output, result_columns(workload, output, columns));

  scored.finish([&](ScoredRow row) {
    std::vector<Cell> results(row.values.begin(), row.values.end());
    results.emplace_back(reference != nullptr ? reference->rank_score(row.values) : row.rank_score);
    if (reference != nullptr) {
      const std::vector<double> percentiles = reference->percentiles(row.values);
      results.insert(results.end(), percentiles.begin(), percentiles.end());
    }
    results.emplace_back(std::move(row.status));
    writer.add(result_row(workload, output, std::move(row.own), std::move(results)));
  });
  writer.close();
}

// Which space to compare with; null: none. A lone network is compared with its own space without being asked
// to, but where a program reads the result its columns must follow from the command line, not from the number
// of rows in a file.
const Space* reference_space(const Arguments& arguments, const Output& output,
                             const std::optional<Space>& named, const Space* own, std::int64_t networks) {
  if (named) return &*named;
  const bool asked = arguments.given("reference-size") || arguments.given("reference-file");
  const bool alone = arguments.flag("candidate") || (networks == 1 && output.format() == Format::table);
  return asked || alone ? own : nullptr;
}

// To be found out before anything is executed.
void check_reference(const Arguments& arguments, const Space* own) {
  if (own != nullptr || arguments.given("reference")) return;
  if (arguments.given("reference-size") || arguments.given("reference-file"))
    throw InputError(
        fmt::format("assay {}: a network file does not say which space to compare with. Name one with "
                    "--reference SPACE.toml.",
                    arguments.command_name()));
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  const auto cache = cache_path(arguments);
  const auto reference_size = static_cast<int>(arguments.integer("reference-size", 0, 100'000).value());
  Workload workload(arguments);
  check_reference(arguments, workload.space());
  const Ranking ranking = ranking_of(arguments, workload.space(), output.quiet());
  const ScoreSettings& settings = ranking.settings;
  std::optional<Space> named;
  if (const auto path = arguments.text("reference")) named = Space::load(*path);
  const InterruptGuard guard;
  ScoreService service(settings, worker_count(arguments), worker_memory(arguments), cache, output.quiet());
  if (service.executes()) workload.check();

  ScoredRows scored(spool_folder(output.path()), RankCohort(ranking.terms, ranking.weights));
  score_all(workload, output, service, guard.token(), scored);
  if (scored.size() == 0) return InterruptGuard::exit_code();
  if (scored.not_buildable() == scored.size())
    throw InputError(
        fmt::format("{}: no candidate can be built. {}", workload.source(), scored.first_status()));
  if (scored.not_buildable() > 0 && !output.quiet())
    note(scored.not_buildable() == 1 ? "1 candidate cannot be built; its status says why."
                                     : fmt::format("{} cannot be built; their status says why.",
                                                   number_of(scored.not_buildable(), "candidate")));

  std::optional<Reference> reference;
  const Space* space = reference_space(arguments, output, named, workload.space(), scored.size());
  if (space != nullptr && reference_size > 0) {
    const auto records = reference_records(*space, service, reference_size,
                                           reference_path(arguments, *space, settings, reference_size),
                                           guard.token(), output.quiet());
    if (!records) return InterruptGuard::exit_code();
    reference.emplace(*records, ranking.terms, ranking.weights);
  }
  write_results(workload, output, settings, reference ? &*reference : nullptr, scored);
  return InterruptGuard::exit_code();
}

}  // namespace

Command score_command() {
  return {
      .name = "score",
      .summary = "zero-shot scores and the rank score of candidates or of one network",
      .positionals = "SPACE.toml | MODEL.onnx | NETWORK.json",
      .max_positionals = 1,
      .description =
          "Executes randomly initialised networks on a tiny random batch and prints what they promise: one\n"
          "column per score, and a rank score (higher is better). By default that is the sum of both\n"
          "columns, a number of the network alone; with other --scores it combines their ranks over all\n"
          "networks of the call.\n"
          "Candidates are read, scored and put aside as a stream: a million take no more memory than a\n"
          "thousand. Ranks are exact for up to 131,072 networks; longer streams are compared with a random\n"
          "sample of that size, the same in every run, which moves ranks by less than 0.5 %. Networks that\n"
          "compute the same are executed once, and scores are kept for later runs.\n"
          "\n"
          "A single candidate is compared with random candidates of its space, scored once and kept: each\n"
          "score, and the rank score, with the share of them that are worse. --reference does that for\n"
          "network files and for many candidates, too.",
      .groups = {input_options(), model_options(), score_options(), reference_options(), cache_options(),
                 output_options()},
      .example =
          "  assay score spaces/nasbench201.toml --sample 20 --scores synflow,naswot,params\n"
          "  assay score spaces/nasbench201.toml --candidates mine.csv --out scored.csv\n"
          "  assay score mine.json --reference spaces/nasbench201.toml\n"
          "  generate | assay score spaces/nasbench201.toml --candidates - --scores params,synflow",
      .run = run};
}

}  // namespace assay::cli
