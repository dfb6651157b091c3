// Judges estimators against measured latencies, and scores against known accuracies; learns from these how to
// weigh the scores.
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "judgement.hpp"
#include "known_rows.hpp"
#include "measured_rows.hpp"
#include "progress_display.hpp"
#include "rank_weights.hpp"
#include "reference.hpp"
#include "score_service.hpp"
#include "score_table.hpp"
#include "terminal.hpp"
#include "validate_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <fmt/format.h>

namespace assay::cli {
namespace {

void add_missing(std::vector<std::string>& names, const std::vector<std::string>& more) {
  for (const std::string& name : more)
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

// Which scores are judged, and which of them make the rank score.
struct Plan {
  Ranking ranking;
  ScoreSettings settings;  // of everything that is judged
};

Plan plan_of(const Arguments& arguments, const Space& space, bool quiet) {
  Plan plan{ranking_of(arguments, &space, quiet), {}};
  plan.settings = plan.ranking.settings;
  // Without --scores: what the rank score combines, the default scores, and what every score has to beat.
  if (!arguments.given("scores")) {
    add_missing(plan.settings.scores, default_scores());
    add_missing(plan.settings.scores, {"params", "macs"});
  }
  // All scores together are no sensible rank score.
  if (arguments.text("scores") == "all") {
    plan.ranking.settings.scores = default_scores();
    plan.ranking.terms = rank_terms(default_scores());
  }
  return plan;
}

// What the file has of it, without executing anything.
ScoreTable scores_of_file(const KnownRows& known, ScoreSettings settings, bool named) {
  if (!named) {
    settings.scores.clear();
    for (const ScoreInfo& info : score_registry())
      if (known.has_column(std::string(info.name))) settings.scores.emplace_back(info.name);
    if (settings.scores.empty())
      throw InputError(fmt::format(
          "{}: no column has the name of a score. Leave --scored out to compute them.", known.source()));
  }
  ScoreTable table{std::move(settings), std::vector<ScoreRecord>(known.size())};
  for (const std::string& score : table.settings.scores) {
    const std::vector<double> values = known.numbers(score);
    for (std::size_t i = 0; i < known.size(); ++i) table.records[i].values.push_back(values[i]);
  }
  return table;
}

// nullopt when a stop was requested.
std::optional<ScoreTable> execute(const Space& space, const KnownRows& known, ScoreService& service,
                                  std::stop_token stop) {
  const auto count = static_cast<std::int64_t>(known.size());
  ProgressDisplay display({.phase = "score",
                           .title = fmt::format("scoring {}", known.source()),
                           .counted = "scored",
                           .unit = "networks",
                           .total = count});
  const std::vector<ScoredNetwork> results = service.score(
      count, [&](std::int64_t i) { return space.decode(known.candidate(static_cast<std::size_t>(i))); }, stop,
      [&](std::int64_t done) { display.advance(done); });
  display.close();
  service.flush_cache();
  ScoreTable table{service.settings(), {}};
  for (const ScoredNetwork& result : results) {
    if (!result.done) return std::nullopt;
    table.records.push_back(result.record);
  }
  return table;
}

// The rank score of the table's records among themselves and the others.
std::vector<double> rank_scores_of(const ScoreTable& table, const std::vector<ScoreRecord>& others,
                                   const std::vector<std::string>& scores, const std::vector<RankTerm>& terms,
                                   const std::vector<double>& weights) {
  std::vector<ScoreRecord> cohort = table.part(scores);
  std::ranges::copy(ScoreTable{table.settings, others}.part(scores), std::back_inserter(cohort));
  std::vector<double> result = rank_scores(cohort, terms, weights);
  result.resize(table.records.size());
  return result;
}

// Rows with a known accuracy, in the order of the file.
std::vector<std::size_t> known_rows(const std::vector<double>& accuracy, const std::string& column) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < accuracy.size(); ++i)
    if (std::isfinite(accuracy[i])) rows.push_back(i);
  if (rows.size() < 3)
    throw InputError(
        fmt::format("{} rows have a value in {}. Rank correlation needs at least 3.", rows.size(), column));
  if (std::ranges::all_of(rows, [&](std::size_t row) { return accuracy[row] == accuracy[rows[0]]; }))
    throw InputError(
        fmt::format("All {} values of {} are equal: there is no order to agree with.", rows.size(), column));
  return rows;
}

// Moves `count` of the rows, drawn at random, out of `rows`: to learn from them and be judged by the others.
std::vector<std::size_t> draw(std::vector<std::size_t>& rows, std::size_t count, std::uint64_t seed) {
  if (count + 3 > rows.size())
    throw InputError(
        fmt::format("--fit-rows is {}, and {} rows have an accuracy. At least 3 must be left to judge "
                    "by.",
                    count, rows.size()));
  Random random(seed, Purpose::split, 1);
  for (std::size_t i = 0; i < count; ++i) std::swap(rows[i], rows[i + random.below(rows.size() - i)]);
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<std::size_t> drawn(rows.begin(), end);
  rows.erase(rows.begin(), end);
  std::ranges::sort(drawn);
  std::ranges::sort(rows);
  return drawn;
}

std::string description_of(const RankWeights& learned) {
  std::string text = fmt::format(
      "Weights learned from {} accuracies, with ranks among {} candidates:", learned.rows, learned.cohort);
  for (std::size_t k = 0; k < learned.weights.size(); ++k)
    text += fmt::format("{} {} {:.2f}{}{}", k == 0 ? "" : ",", learned.settings.scores[k], learned.weights[k],
                        learned.terms[k].by_rank ? "" : " by value",
                        learned.terms[k].direction > 0 ? "" : " (lower is better)");
  if (learned.cross_validated_spearman)
    text += fmt::format(". Spearman on rows left out: {:.3f}", *learned.cross_validated_spearman);
  return text + ".";
}

int validate_scores(const Arguments& arguments) {
  const Output output(arguments);
  const auto tell = [&](const std::string& text) {
    if (!output.quiet()) note(text);
  };
  if (arguments.positionals().size() != 1)
    throw InputError(
        "assay validate: name a space file, or judge an estimator with --estimator. See: assay validate "
        "--help");
  const std::string path = arguments.required_text("known");
  const std::string accuracy_column = arguments.required_text("accuracy");
  const auto weights_path = arguments.text("fit-weights");
  // A place that cannot be written must not be found out after the work.
  if (weights_path) const OutputFile probe(*weights_path);
  const auto fit_rows = arguments.integer("fit-rows", 3, 1'000'000);
  const auto resamples = static_cast<int>(arguments.integer("resamples", 0, 100'000).value());
  const auto reference_size = static_cast<int>(arguments.integer("reference-size", 0, 100'000).value());

  const Space space = Space::load(arguments.positionals()[0]);
  const Plan plan = plan_of(arguments, space, output.quiet());
  const KnownRows known(space, path);
  const std::vector<double> accuracy = known.numbers(accuracy_column);
  std::vector<std::size_t> rows = known_rows(accuracy, fmt::format("{}: {}", path, accuracy_column));
  if (rows.size() < known.size())
    tell(fmt::format("{} rows without a value in {} are not judged; they only take part in ranks.",
                     known.size() - rows.size(), accuracy_column));
  std::vector<bool> within(known.size(), true);
  const auto limit = arguments.text("limit");
  if (limit) {
    within = rows_within(known, *limit);
    if (std::ranges::none_of(rows, [&](std::size_t row) { return within[row]; }))
      tell(fmt::format("No row with an accuracy is within {}: its columns stay empty.", *limit));
  }
  std::vector<JudgedColumn> lines;
  for (const std::string& column : arguments.list("columns"))
    lines.push_back({column, known.numbers(column)});

  const InterruptGuard guard;
  ScoreService service(plan.settings, worker_count(arguments), worker_memory(arguments),
                       cache_path(arguments), output.quiet());
  const bool reuse = arguments.flag("scored");
  const bool named = arguments.given("scores") || arguments.given("rank-weights");
  const auto table =
      reuse ? scores_of_file(known, plan.settings, named) : execute(space, known, service, guard.token());
  if (!table) return InterruptGuard::exit_code();

  const bool learns = weights_path || fit_rows;
  std::vector<ScoreRecord> others;
  std::optional<RankWeights> learned;
  if (learns) {
    // Few rows say little about where a score stands in the space: random candidates join the cohort.
    if (!reuse && known.size() < static_cast<std::size_t>(reference_size)) {
      auto records = reference_records(space, service, reference_size,
                                       reference_path(arguments, space, plan.settings, reference_size),
                                       guard.token(), output.quiet());
      if (!records) return InterruptGuard::exit_code();
      others = std::move(*records);
    }
    const std::vector<std::size_t> teachers =
        fit_rows ? draw(rows, static_cast<std::size_t>(*fit_rows), plan.settings.seed) : rows;
    learned = learn_weights(space, *table, others, accuracy, teachers);
    learned->accuracy = accuracy_column;
    if (weights_path) write_file(*weights_path, learned->to_json());
    tell(description_of(*learned));
  }

  std::vector<JudgedColumn> judged;
  for (const std::string& score : table->settings.scores) judged.push_back({score, table->column(score)});
  const std::vector<std::string>& combined = plan.ranking.settings.scores;
  if (table->has(combined))
    judged.push_back(
        {"rank_score", rank_scores_of(*table, {}, combined, plan.ranking.terms, plan.ranking.weights)});
  else if (known.has_column("rank_score"))
    judged.push_back({"rank_score", known.numbers("rank_score")});
  else
    tell(fmt::format("There is no rank score: {} lacks one of {}.", path, join(combined, ", ")));
  // Judged by rows that taught the weights, they would look better than they are.
  if (learned && fit_rows)
    judged.push_back({"learned_rank_score", rank_scores_of(*table, others, learned->settings.scores,
                                                           learned->terms, learned->weights)});
  judged.insert(judged.end(), lines.begin(), lines.end());

  const std::vector<Judgement> judgements =
      judge_all(judged, accuracy, rows, within, resamples, plan.settings.seed, service.pool());
  output.write(judgement_table(judged, judgements, output.format() == Format::table, limit.has_value()));
  return InterruptGuard::exit_code();
}

int run(const Arguments& arguments) {
  const bool latencies = arguments.given("estimator") || arguments.given("measurements");
  if (latencies && (arguments.given("known") || arguments.given("accuracy"))) {
    throw InputError(
        "assay validate: --estimator judges latencies and --known judges scores. Give one of them.");
  }
  return latencies ? validate_estimator(arguments) : validate_scores(arguments);
}

OptionGroup learning_options() {
  OptionGroup group{
      "Learning weights",
      {{"fit-weights", "FILE.json", "learn weights of the rank score and write them there", ""},
       {"fit-rows", "N", "learn from N rows drawn at random, and judge what was learned by the others", ""}}};
  for (OptionSpec& option : reference_sample_options()) group.options.push_back(std::move(option));
  group.options[2].help = "with fewer rows in the file, so many random candidates join the cohort; 0 is none";
  return group;
}

}  // namespace

Command validate_command() {
  return {
      .name = "validate",
      .summary = "judge an estimator by measured latencies, or scores by known accuracies",
      .positionals = "SPACE.toml ...",
      .max_positionals = 64,
      .description =
          "With --estimator: predicts the measured rows that the estimator was not fitted to, and prints\n"
          "the mean absolute percentage error (MAPE), how many are within 5 and 10 %, the rank correlation,\n"
          "the bias, how many lie in the prediction interval, and the ten worst with their subgraphs.\n\n"
          "With --known: compares scores with the known accuracies of some candidates, and prints for each "
          "the rank "
          "correlation\n"
          "(Spearman, Kendall, Spearman in the best tenth) and the regret: the best accuracy of all minus\n"
          "the best among the ten highest scores. Brackets hold 95 % intervals of the bootstrap. Networks\n"
          "that cannot be scored rank last.\n\n"
          "--fit-weights learns weights of the rank score from 20 to 50 accuracies; score and search use\n"
          "them with --rank-weights. Rows whose accuracy is blank, and random candidates of the space where\n"
          "the file has few rows, help to tell where a score stands. Learn from all scores that you can\n"
          "afford to compute later.",
      .groups =
          {measured_rows_options(),
           {"Estimator",
            {{"estimator", "ESTIMATOR.json", "what assay fit wrote", ""},
             {"predictions", "FILE.csv", "every judged row with its prediction", ""}}},
           {"Known accuracies",
            {{"known", "FILE", "CSV or JSON lines with one column (key) per decision, and accuracies", ""},
             {"accuracy", "COLUMN", "where they are; higher is better, blank where not known", ""},
             {"scored", "",
              "take scores from the file's columns of their names; --batch, --repeats, --resolution and "
              "--seed say how "
              "they were computed",
              ""},
             {"columns", "LIST", "other columns of the file to judge", ""},
             {"limit", "COLUMN<=VALUE",
              "judge the ten highest scores among these rows, too: their mean accuracy and its distance to "
              "the best",
              ""},
             {"resamples", "N", "of the bootstrap; 0 gives no intervals", "1000"},
             {"seed", "N", "seed of everything random", "1"}}},
           learning_options(),
           score_options(),
           cache_options(),
           output_options()},
      .example =
          "  assay validate --estimator zcu102.json --space spaces/mnasnet_accel.toml --measurements "
          "zcu102.csv\n"
          "  assay validate spaces/nasbench201.toml --known trained.csv --accuracy test_accuracy\n"
          "  assay validate spaces/nasbench201.toml --known trained.csv --accuracy test_accuracy \\\n"
          "    --scores all --fit-weights weights.json\n"
          "  assay search spaces/nasbench201.toml --rank-weights weights.json",
      .run = run};
}

}  // namespace assay::cli
