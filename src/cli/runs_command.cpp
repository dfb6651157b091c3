#include "commands.hpp"
#include "common.hpp"
#include "run_folder.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

std::vector<RunSummary> runs_of(const std::vector<std::string>& places) {
  std::vector<RunSummary> runs;
  std::error_code error;
  if (places.empty() && fs::exists(usual_run_folder, error)) runs = runs_in(usual_run_folder);
  for (const std::string& place : places) {
    if (fs::is_directory(place, error))
      std::ranges::move(runs_in(place), std::back_inserter(runs));
    else
      runs.push_back(summary_of(place));
  }
  sort_newest_first(runs);
  return runs;
}

Table table_of(const std::vector<RunSummary>& runs) {
  Table table{.columns = {{"run", "run", Style::text},
                          {"state", "state", Style::text},
                          {"space", "space", Style::text},
                          {"accelerator", "accelerator", Style::text},
                          {"evaluated", "evaluated", Style::number},
                          {"front", "front", Style::number},
                          {"best_rank_score", "", Style::fixed},
                          {"best_latency_ms", "best (ms)", Style::latency},
                          {"best_macs", "best (MACs)", Style::count},
                          {"test_accuracy_percent", "accuracy", Style::percent},
                          {"seconds", "time", Style::duration},
                          {"created_utc", "created (UTC)", Style::text},
                          {"note", "note", Style::text}},
              .rows = {}};
  const auto text = [](const std::string& value) { return value.empty() ? Cell() : Cell(value); };
  for (const RunSummary& run : runs) {
    if (run.state == "unreadable") {
      std::vector<Cell> row(table.columns.size());
      row[0] = run.path;
      row[1] = run.state;
      row.back() = run.note;
      table.rows.push_back(std::move(row));
      continue;
    }
    table.rows.push_back({run.path, run.state, run.space, text(run.accelerator), run.evaluated, run.front,
                          run.best_rank_score, significant(run.best_latency_ms),
                          run.best_macs ? Cell(*run.best_macs) : Cell(), percent(run.test_accuracy),
                          run.seconds, run.created_utc, text(run.note)});
  }
  return table;
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  const std::vector<RunSummary> runs = runs_of(arguments.positionals());
  if (runs.empty() && !output.quiet())
    note(arguments.positionals().empty()
             ? "There are no runs in runs/. A search makes one: assay search --help"
             : "There are no runs there: no file is called *.journal.");
  if (!runs.empty() || output.format() != Format::table) output.write(table_of(runs));
  return 0;
}

}  // namespace

Command runs_command() {
  return {
      .name = "runs",
      .summary = "the runs of a folder: how far each got, and its best network",
      .positionals = "[FOLDER|RUN.journal]...",
      .max_positionals = 1000,
      .description =
          "Lists the journals of searches, newest first: those of runs/ when nothing is named.\n"
          "state is running, finished, stopped (by Ctrl-C), killed (nobody is writing it, and it did not "
          "end: continue it\n"
          "with assay search --resume), failed, or unreadable, with the cause in the last column. best is "
          "the network with\n"
          "the best rank score that meets the run's budgets, or the most accurate one once some are trained; "
          "its rank\n"
          "score (csv, json) is known once the search has ended.",
      .groups = {output_options()},
      .example = "  assay runs\n  assay runs runs elsewhere/wide.journal --format json",
      .run = run};
}

}  // namespace assay::cli
