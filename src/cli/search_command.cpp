#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/search/search.hpp"
#include "assay/space/codec.hpp"

#include "budget_options.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "network_evaluator.hpp"
#include "progress_display.hpp"
#include "rank_weights.hpp"
#include "report_output.hpp"
#include "run_analysis.hpp"
#include "run_recorder.hpp"
#include "run_session.hpp"
#include "score_service.hpp"
#include "search_progress.hpp"
#include "shortlist.hpp"
#include "terminal.hpp"
#include "training.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// A candidate as text, or the first row of a candidate file.
Candidate read_candidate(const Space& space, const std::string& text) {
  std::error_code ignored;
  if (!fs::exists(text, ignored)) {
    if (!text.empty() && text.find('=') == std::string::npos)
      throw InputError(
          fmt::format("--baseline: there is no file \"{}\", and as text a candidate has a "
                      "decision=option for each decision.",
                      text));
    return candidate_from_text(space, text, "--baseline");
  }
  std::ifstream in = open_input(text);
  CandidateReader reader(space, in, text);
  CandidateRow row;
  if (!reader.next(row))
    throw InputError(fmt::format("{}: the file holds no candidate. Add a row below the header.", text));
  const Candidate candidate = row.candidate;
  if (reader.next(row)) {
    throw InputError(fmt::format(
        "{}: the file holds several candidates, but there is one baseline. Keep its row alone.", text));
  }
  return candidate;
}

SearchSettings settings_of(const Arguments& arguments, const Space& space, bool has_estimator) {
  SearchSettings settings;
  settings.strategy.name = arguments.required_text("strategy");
  settings.strategy.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  settings.budget = budget_of(arguments, has_estimator);
  settings.front_metric = has_estimator ? Metric::latency : Metric::macs;
  settings.evaluations = arguments.integer("evaluations", 1, 1'000'000'000).value();
  settings.shortlist = static_cast<int>(arguments.integer("shortlist", 1, 10000).value());
  if (const auto baseline = arguments.text("baseline"))
    settings.initial.push_back(read_candidate(space, *baseline));
  return settings;
}

// Everything that decides what a search finds; a journal of other settings is not continued. The numbers of
// evaluations and of networks on the shortlist are left out: a finished run may be continued with larger
// ones.
std::string settings_json(const SearchSettings& settings, const Ranking& ranking, const Space& space,
                          const std::optional<Estimator>& estimator, const WorkerMemory& memory) {
  const ScoreSettings& scores = ranking.settings;
  nlohmann::ordered_json json;
  json["strategy"] = settings.strategy.name;
  json["generation"] = settings.generation;
  json["batch"] = scores.batch;
  json["resolution"] = scores.resolution;
  json["repeats"] = scores.repeats;
  if (!ranking.weights.empty()) {
    json["rank_weights"] = ranking.weights;
    for (const RankTerm& term : ranking.terms)
      json["rank_terms"].push_back((term.direction > 0 ? "" : "-") +
                                   std::string(term.by_rank ? "log_rank" : "value"));
  }
  for (const Metric metric : all_metrics) {
    if (settings.budget.limited(metric))
      json["budget"][std::string(metric_name(metric))] = settings.budget.limit(metric);
  }
  for (const Candidate& candidate : settings.initial) json["initial"].push_back(to_text(space, candidate));
  // Networks that need more have no scores.
  json["max_memory_per_worker"] = memory.asked_for ? nlohmann::ordered_json(memory.bytes) : nullptr;
  if (estimator) json["estimator"] = fmt::format("{:016x}", hash_text(estimator->to_json()));
  return json.dump();
}

// runs/SPACE-N.journal
std::string numbered_path(const Space& space, std::int64_t n) {
  return fmt::format("runs/{}-{}.journal", space.name(), n);
}

RunJournal resume_run(const Arguments& arguments, const Space& space, const RunIdentity& identity) {
  if (const auto path = arguments.text("run")) return RunJournal::resume(*path, identity);
  std::int64_t last = 0;  // numbers may be missing
  const std::string begin = space.name() + "-";
  std::error_code none;  // without a folder there is no run
  for (fs::directory_iterator entry("runs", none), end; !none && entry != end; entry.increment(none)) {
    const std::string name = entry->path().stem().string();
    if (entry->path().extension() != ".journal" || !name.starts_with(begin)) continue;
    last = std::max(last, parse_integer(name.substr(begin.size())).value_or(0));
  }
  if (last == 0)
    throw InputError(fmt::format("{}: there is no run to continue. Name its journal with --run FILE.",
                                 numbered_path(space, 1)));
  return RunJournal::resume(numbered_path(space, last), identity);
}

// Under the first number that is free, unless it has a name.
RunJournal create_run(const Arguments& arguments, const Space& space, const RunIdentity& identity) {
  if (const auto path = arguments.text("run")) {
    std::error_code ignored;
    if (fs::is_directory(*path, ignored))
      throw InputError(
          fmt::format("{0}: this is a folder. Name a file, {1}, with --run.", *path,
                      (fs::path(*path) / fs::path(numbered_path(space, 1)).filename()).string()));
    if (fs::exists(*path, ignored))
      throw InputError(fmt::format(
          "{}: the file exists already. Continue that run with --resume, or name another file with --run "
          "FILE.",
          *path));
    return RunJournal::create(*path, identity);
  }
  std::error_code error;
  fs::create_directories("runs", error);
  if (error) {
    throw InputError(fmt::format(
        "runs: the folder for the run's journal cannot be made: {}. Choose a place with --run FILE.",
        error.message()));
  }
  for (int n = 1;; ++n) {
    const std::string path = numbered_path(space, n);
    const auto taken = [&] {
      return std::ranges::any_of(std::array{"", "-wal", "-journal", ".lock"},
                                 [&](const char* ending) { return fs::exists(path + ending); });
    };
    if (taken()) continue;
    try {
      return RunJournal::create(path, identity);
    } catch (const InputError&) {
      if (!taken()) throw;  // else another search was quicker
    }
  }
}

RunIdentity identity_of(const SearchSettings& settings, const Ranking& ranking, const Space& space,
                        const std::optional<Estimator>& estimator, const WorkerMemory& memory) {
  RunIdentity identity;
  identity.assay_version = assay_version;
  identity.seed = settings.strategy.seed;
  identity.settings_json = settings_json(settings, ranking, space, estimator, memory);
  identity.space_name = space.name();
  identity.space_text = read_file(space.source());
  identity.space_fingerprint = space.fingerprint();
  for (const Decision& decision : space.decisions())
    identity.decisions.push_back({decision.name, decision.options});
  if (estimator) {
    identity.accelerator_name = estimator->accelerator().name;
    identity.accelerator_text = to_toml(estimator->accelerator());
    identity.accelerator_fingerprint = estimator->accelerator().fingerprint();
    identity.estimator_json = estimator->to_json();
  }
  identity.scores = ranking.settings.scores;
  return identity;
}

std::string_view reason_text(StopReason reason) {
  switch (reason) {
    case StopReason::evaluations:
      return "as many as asked for";
    case StopReason::exhausted:
      return "the whole space has been seen";
    case StopReason::stalled:
      return "nothing new was found for a long time";
    case StopReason::stopped:
      return "stopped on request";
  }
  throw InternalError("a search ended for an unknown reason");
}

// What a run is about, read and checked before there is a journal.
struct Task {
  Space space;
  Ranking ranking = {};
  std::optional<Estimator> estimator = {};
  SearchSettings settings = {};
  TrainOptions training = {};
  std::optional<Dataset> dataset = {};
  std::string models = {};  // folder for trained networks; empty: they are not kept
};

Task task_of(const Arguments& arguments, bool quiet) {
  if (arguments.positionals().empty())
    throw InputError("assay search: name a space file. See: assay search --help");
  Task task{.space = Space::load(arguments.positionals()[0])};
  task.ranking = ranking_of(arguments, &task.space, quiet);
  task.estimator = make_estimator(arguments, [&] { return sample_networks(task.space, 300); });
  task.settings = settings_of(arguments, task.space, task.estimator.has_value());
  task.training = train_options(arguments);
  // A data set that is missing must not be found out after the search.
  if (const auto name = arguments.text("train")) task.dataset = load_dataset(*name);
  task.models = arguments.text("save-models").value_or("");
  if (!task.models.empty() && !task.dataset)
    throw InputError("assay search: --save-models keeps trained networks. Add --train DATASET.");
  if (!task.models.empty()) require_onnx();
  return task;
}

// The search and the training, journalled; the exit code.
int run(const Task& task, const Arguments& arguments, const Output& output, const InterruptGuard& guard,
        RunJournal& journal, RunSession& session) {
  const auto& [space, ranking, estimator, settings, training, dataset, models] = task;
  ScoreService service(ranking.settings, worker_count(arguments), worker_memory(arguments),
                       cache_path(arguments), output.quiet());
  NetworkEvaluator evaluator(space, estimator ? &*estimator : nullptr, service, ranking.terms,
                             ranking.weights);
  RunRecorder recorder(journal);
  ProgressDisplay display(
      {.phase = "search", .title = "searching " + space.name(), .total = settings.evaluations});
  const Clock clock;
  std::int64_t evaluated = 0;  // up to the last generation
  evaluator.watch([&](std::int64_t scored) { display.advance(evaluated + scored); });
  const auto progress = [&](const Progress& p) {
    evaluated = p.counts.evaluated;
    display.advance(evaluated);
    if (display.due() || evaluated == settings.evaluations)
      display.show(search_state(space.name(), settings, p, service.origins()));
  };
  const SearchResult result = run_search(space, evaluator, settings, {&recorder, progress, guard.token()});
  display.close();
  if (result.cohort.size() < journal.evaluation_count()) {
    // Stopped while it went through what earlier processes had evaluated: their results are further.
    session.withdraw("interrupted before it went on");
    if (!output.quiet())
      note(fmt::format("Stopped before anything new was evaluated; the results in {} stay as they are.",
                       journal.path()));
    return InterruptGuard::exit_code();
  }
  recorder.record(result);
  if (!output.quiet()) {
    const Counts& c = result.counts;
    const std::string rejections = rejections_text(c), failures = failures_text(c);
    note(fmt::format(
        "{} evaluated in {} ({}); {} proposed, {} duplicates, rejected: {}; {} scores failed{}; {} "
        "on the Pareto front.",
        c.evaluated, human_duration(clock.seconds()), reason_text(result.reason), c.proposed, c.duplicates,
        rejections.empty() ? "none" : rejections, c.failed, failures.empty() ? "" : ": " + failures,
        result.front.size()));
    if (const std::string origins = service.origins_text(); !origins.empty())
      note(fmt::format("Scores: {}.", origins));
  }

  if (result.shortlist.empty() && result.reason != StopReason::stopped) {
    throw InputError(
        fmt::format("{}: all {} candidates that met the budget failed to be scored, the first with \"{}\". "
                    "Ask for other --scores.",
                    space.source(), result.cohort.size(), result.cohort.status(0)));
  }

  std::optional<Baseline> baseline;
  if (!settings.initial.empty() && result.cohort.size() > 0) {
    baseline = evaluate_baseline(settings.initial[0], evaluator, result.cohort, &recorder);
    recorder.record(settings.initial[0], *baseline);
  }
  Shortlist shortlist(space, settings.front_metric, result, ranking.settings.scores,
                      baseline ? &settings.initial[0] : nullptr, baseline ? &*baseline : nullptr);
  if (result.reason == StopReason::stopped) {
    session.end("stopped", "interrupted during the search");
    shortlist.write(output);
    if (!output.quiet())
      note(fmt::format("Continue with the same command and --run {} --resume.", journal.path()));
    return InterruptGuard::exit_code();
  }
  if (dataset) {
    if (output.format() == Format::table) shortlist.write_table(output);
    shortlist.train(*dataset, training, journal, models, output.quiet());
    if (InterruptGuard::requested()) {
      session.end("stopped", "interrupted during training");
      shortlist.write(output);
      if (!output.quiet())
        note(fmt::format("Continue with the same command and --run {} --resume.", journal.path()));
      return InterruptGuard::exit_code();
    }
  }
  session.end("finished", "");
  journal.close();
  shortlist.write(output);
  return 0;
}

int run(const Arguments& arguments) {
  const InterruptGuard guard;
  const Output output(arguments);
  const Task task = task_of(arguments, output.quiet());
  const auto report = arguments.text("report");
  if (report) const OutputFile probe(*report);  // a place that cannot be written must be found out before
  const bool resume = arguments.flag("resume");
  const RunIdentity identity =
      identity_of(task.settings, task.ranking, task.space, task.estimator, worker_memory(arguments));
  RunJournal journal =
      resume ? resume_run(arguments, task.space, identity) : create_run(arguments, task.space, identity);
  const std::string path = journal.path();
  if (!output.quiet()) {
    note(fmt::format("{}: {} candidates. Journal: {}", task.space.name(), task.space.size().digits, path));
  }
  if (const std::int64_t evaluated = journal.evaluation_count(); evaluated > task.settings.evaluations) {
    journal.set_state(journal.earlier_state());
    throw InputError(
        fmt::format("{}: {} candidates are evaluated already. Ask for as many or more with --evaluations.",
                    path, evaluated));
  }
  RunSession session(journal, arguments, !resume);
  journal.record_shortlist_size(task.settings.shortlist);
  int exit_code = 0;
  try {
    exit_code = run(task, arguments, output, guard, journal, session);
  } catch (const std::exception& error) {
    if (!session.fail(error.what()) && !output.quiet())
      note(fmt::format("Nothing was evaluated, so the journal {} is not kept.", path));
    throw;
  }
  if (report)
    write_report(make_report(RecordedRun(path)), report_format("assay search", {}, *report), *report);
  return exit_code;
}

}  // namespace

Command search_command() {
  const SearchSettings usual;
  return {
      .name = "search",
      .summary = "the main job: search a space under budgets, print the Pareto shortlist, train it",
      .positionals = "SPACE.toml",
      .max_positionals = 1,
      .description =
          "Searches for networks with a high rank score and a low latency (without hardware: few MACs) that "
          "meet the\n"
          "budgets, prints a shortlist along the Pareto front, and trains it when --train names a data set. "
          "Every step is\n"
          "journalled: after an interruption the same command with --resume continues and ends with the same "
          "result.",
      .groups =
          {estimator_options(),
           budget_options(
               "Budgets (a candidate over any of them is not scored; operators whose results are unused "
               "do not count)"),
           {"Search",
            {{"evaluations", "N", "distinct candidates to score", std::to_string(usual.evaluations)},
             {"shortlist", "N", "networks to choose along the front", std::to_string(usual.shortlist)},
             {"strategy", join(strategy_names(), "|"), "how candidates are proposed", usual.strategy.name},
             {"baseline", "CANDIDATE",
              "text or file; tried first, and every result is reported as reduction against it", ""},
             {"seed", "N", "seed of everything random", "1"},
             {"run", "RUN.journal", "the run's journal; runs/SPACE-N.journal when not given", ""},
             {"resume", "", "continue the run of --run, or the newest one in runs/", ""},
             {"report", "FILE",
              "at the end, write what assay report says there, as the name ends: report.html", ""}}},
           score_options(),
           cache_options(),
           {"Training the shortlist",
            {{"train", "fashion-mnist|cifar-10|FOLDER", "a folder holds IDX or CIFAR-10 binary files", ""},
             {"save-models", "FOLDER",
              "keep the trained networks there: 1.onnx, 2.onnx ... as numbered in the table, baseline.onnx",
              ""}}},
           training_options(),
           output_options()},
      .example =
          "  assay search spaces/ibn_fashion.toml --accelerator spaces/accelerators/edge_npu_16.toml \\\n"
          "    --latency-ms 0.5 --memory-kib 96 --evaluations 2000 --shortlist 5 --train fashion-mnist",
      .run = run};
}

}  // namespace assay::cli
