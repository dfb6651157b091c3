#include "assay/base/error.hpp"
#include "assay/base/file.hpp"

#include "commands.hpp"
#include "report_output.hpp"
#include "run_analysis.hpp"
#include "run_folder.hpp"
#include "separate_files.hpp"
#include "terminal.hpp"

#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

std::string newest_journal() {
  std::error_code none;  // without a folder there is no run
  std::vector<RunSummary> runs;
  if (std::filesystem::exists(usual_run_folder, none)) runs = runs_in(usual_run_folder);
  sort_newest_first(runs);
  if (runs.empty())
    throw InputError(
        "assay report: name a run's journal; there is none in the folder runs. See: assay report --help");
  return runs.front().path;
}

// Two decisions, or none: those that tell most.
std::vector<std::string> landscape_of(const Arguments& arguments) {
  std::vector<std::string> decisions = arguments.list("landscape");
  if (arguments.given("landscape") && decisions.size() != 2)
    throw InputError(
        fmt::format("assay report: --landscape is \"{}\". Give two decisions with a comma between them.",
                    *arguments.text("landscape")));
  return decisions;
}

int run(const Arguments& arguments) {
  const std::vector<std::string> landscape = landscape_of(arguments);
  const std::string path = arguments.text("out").value_or("-");
  const ReportFormat format = report_format("assay report", arguments.text("format"), path);
  const bool named = !arguments.positionals().empty();
  const std::string journal = named ? arguments.positionals()[0] : newest_journal();
  if (!named) require_separate_files(arguments, "the folder runs", std::vector{journal});
  const OutputFile probe(path);  // a place that cannot be written must not be found out after the work
  const RecordedRun recorded(journal);
  const RunReport report =
      make_report(recorded, {.landscape = landscape,
                             .candidates = arguments.integer("points", 1, 1'000'000).value(),
                             // The columns of the shortlist need none of it.
                             .analysis = format != ReportFormat::csv});
  if (!arguments.flag("quiet")) {
    for (const std::string& text : report.notes) note(text);
  }
  write_report(report, format, path);
  return 0;
}

}  // namespace

Command report_command() {
  return {
      .name = "report",
      .summary = "report a run, finished or not: a web page, or text, Markdown, CSV, JSON",
      .positionals = "RUN.journal",
      .max_positionals = 1,
      .description =
          "Shows what a search found and why, from its journal alone: the shortlist against the baseline, "
          "where the\n"
          "winner's time and memory go, which decisions matter, how latency goes over two of them, how the "
          "search\n"
          "got there, and the commands that repeat it. Works while a search runs, and after one was killed. "
          "Without\n"
          "a name, the newest journal in runs/.",
      .groups = {{"Report",
                  {{"landscape", "DECISION,DECISION",
                    "the two decisions of the latency landscape; those of which it shows most", ""},
                   {"points", "N", "about so many evaluated candidates in plots; the front is always whole",
                    "10000"}}},
                 {"Output",
                  {{"format", "table|html|markdown|csv|json",
                    "html is one page that needs no network; as the ending of --out says, else a table", ""},
                   {"out", "FILE", "write it there instead of to standard output", ""},
                   {"quiet", "", "no notes on standard error", ""},
                   {"help", "", "this text", ""}}}},
      .example =
          "  assay report runs/ibn_fashion-1.journal --out report.html\n"
          "  assay report runs/ibn_fashion-1.journal --format markdown >> \"$GITHUB_STEP_SUMMARY\"",
      .run = run};
}

}  // namespace assay::cli
