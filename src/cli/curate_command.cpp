#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/curate/curate.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "curate_report.hpp"
#include "progress_display.hpp"
#include "terminal.hpp"
#include "wording.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace assay::cli {
namespace {

constexpr int kNetworks = 300;  // that an estimator for --accelerator is fitted to

OptionGroup output_group() {
  return {"Output",
          {{"out", "FILE", "write the curated space there instead of to standard output", ""},
           {"format", "table|csv|json",
            "how the report is written: to standard output with --out, else to standard error", ""},
           progress_option(),
           {"quiet", "", "no progress and no notes on standard error, and no report without --out", ""},
           {"help", "", "this text", ""}}};
}

std::vector<double> ratios(const Arguments& arguments) {
  std::vector<double> found;
  for (const std::string& text : arguments.list("depth-multiplier")) {
    const auto ratio = parse_number(text);
    if (!ratio || *ratio <= 0 || *ratio > 100) {
      throw InputError(fmt::format(
          "assay curate: --depth-multiplier has \"{}\". Give ratios above 0, such as 0.5,0.75,1,1.5.", text));
    }
    found.push_back(*ratio);
  }
  if (found.empty() && arguments.given("depth-multiplier"))
    throw InputError("assay curate: --depth-multiplier has no ratio. Give some, such as 0.5,0.75,1,1.5.");
  return found;
}

// For the head of the new file.
std::string command_line(const Arguments& arguments) {
  std::string text = "assay curate " + arguments.positionals()[0];
  for (const char* option : {"accelerator", "estimator", "depth-multiplier", "agreement", "keep", "seed"}) {
    if (arguments.given(option)) text += fmt::format(" --{} {}", option, arguments.text(option).value());
  }
  return text + (arguments.flag("fuse") ? " --fuse" : "");
}

void write_report(const CurationReport& report, const Arguments& arguments, const Output& output,
                  bool to_file) {
  const bool people =
      arguments.given("format") ? output.format() == Format::table : !to_file || is_terminal(STDOUT_FILENO);
  const Table table = curation_table(report);
  const std::string text =
      people ? curation_text(report, to_file ? terminal_width() : 0, to_file && use_colour())
      : output.format() == Format::json ? table.to_json()
                                        : table.to_csv();
  if (to_file) {
    OutputFile file("-");
    file.write(text);
    file.close();
  } else if (!output.quiet()) {
    note(trim(text));
  }
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  if (arguments.positionals().empty())
    throw InputError("assay curate: name a space file. See: assay curate --help");
  CurationSettings settings;
  settings.depth_multiplier = ratios(arguments);
  settings.fuse = arguments.flag("fuse");
  settings.keep = arguments.list("keep");
  settings.agreement = arguments.number("agreement", 50, 100).value() / 100;
  settings.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  LandscapeSettings landscape;
  landscape.candidates = static_cast<int>(arguments.integer("sample", 1, 1'000'000).value());
  landscape.descents = static_cast<int>(arguments.integer("descents", 1, 1'000'000).value());
  landscape.seed = settings.seed;
  ConvergenceSettings convergence;
  convergence.seeds = static_cast<int>(arguments.integer("seeds", 1, 10'000).value());
  convergence.evaluations = static_cast<int>(arguments.integer("evaluations", 1, 1'000'000).value());
  convergence.max_latency_ms = arguments.number("latency-ms", 1e-9, 1e9).value_or(0);
  convergence.seed = settings.seed;

  const SpaceFile file = SpaceFile::load(arguments.positionals()[0]);
  ProgressDisplay display({.phase = "read", .title = "reading the space"});
  const auto stage = [&](const char* phase, std::string title) {
    display.show({.phase = phase, .title = std::move(title)});
  };
  const auto estimator =
      make_estimator(arguments, [&] { return curation_networks(file, kNetworks, settings); });
  if (!estimator) {
    throw InputError(
        "assay curate: say for which hardware, with --accelerator FILE or --estimator FILE. "
        "Accelerator files are in spaces/accelerators.");
  }
  const std::string hardware = estimator->accelerator().name;
  stage("compare", fmt::format("comparing options on {}", hardware));
  const Curation curation =
      curate(file, *estimator, settings,
             {fmt::format("Curated for {} out of {}:", hardware, arguments.positionals()[0]),
              "  " + command_line(arguments), ""});
  const Space curated = Space::parse(curation.toml, file.space().source());

  stage("landscape", "looking at how rocky the latency is, before and after");
  CurationReport report{file.space(), curated, curation, hardware, {}, {}, {}};
  report.before = measure_landscape(file.space(), *estimator, landscape);
  landscape.least_macs = report.before.least_macs;  // the same floor for both
  report.after = curation.changed() ? measure_landscape(curated, *estimator, landscape) : report.before;
  if (curation.changed() && !arguments.flag("no-convergence")) {
    stage("searches", fmt::format("searching both spaces, {} each", number_of(convergence.seeds, "time")));
    report.convergence = measure_convergence(file.space(), curated, *estimator, convergence);
  }
  display.close();

  const bool to_file = output.path() != "-";
  output.write(curation.toml);
  write_report(report, arguments, output, to_file);
  if (output.quiet()) return 0;
  for (const std::string& text : curation.notes) note("Left as it is: " + text + ".");
  if (!curation.changed())
    note(fmt::format("{} is as good for {} as options can make it: nothing was changed.",
                     file.space().source(), hardware));
  for (const std::string& text : setbacks(report)) note("Worse than before: " + text + ".");
  const auto extrapolated = [](const Landscape& l) { return 100.0 * l.extrapolated / l.candidates; };
  if (report.before.extrapolated + report.after.extrapolated > 0) {
    note(fmt::format(
        "Outside of what the estimator was fitted to: {:.0f} % of the candidates before, {:.0f} % after.",
        extrapolated(report.before), extrapolated(report.after)));
  }
  return 0;
}

}  // namespace

Command curate_command() {
  const LandscapeSettings landscape;
  const ConvergenceSettings convergence;
  return {
      .name = "curate",
      .summary = "the same space with options that fill an accelerator's lanes",
      .positionals = "SPACE.toml",
      .max_positionals = 1,
      .description =
          "Writes the space file anew for one accelerator, comments and order kept. Where the latency of "
          "the\n"
          "estimator steps up with the channels tells how many lanes there are; widths beside a step move to "
          "it,\n"
          "where that does more work in a millisecond. Then options are dropped that another option of the "
          "same\n"
          "decision beats in 95 % of sampled candidates: no fewer parameters and MACs in less time, or more "
          "of\n"
          "them for up to 2 % more. Every change stands in the new file with its reason. The report compares "
          "both\n"
          "spaces: single steps (a decision to its next option) to less work that are slower, or as slow; "
          "local\n"
          "minima that descents of latency at no fewer MACs than the median end in; and how many evaluations "
          "a\n"
          "search for capacity takes to the same result.",
      .groups =
          {estimator_options(),
           {"Curation",
            {{"depth-multiplier", "RATIOS",
              "one multiplier with these ratios in place of the stages' own widths: 0.5,0.75,1,1.5", ""},
             {"fuse", "", "offer a fused IBN where a stage has only the plain one and it is faster", ""},
             {"agreement", "PERCENT",
              "share of sampled candidates in which an option must be beaten to be dropped", "95"},
             {"keep", "DECISIONS", "comma-separated decisions that are left alone", ""},
             {"seed", "N", "of every sample", "1"}}},
           {"Comparison",
            {{"sample", "N", "candidates whose steps are looked at", std::to_string(landscape.candidates)},
             {"descents", "N", "random descents", std::to_string(landscape.descents)},
             {"seeds", "N", "searches in each space", std::to_string(convergence.seeds)},
             {"evaluations", "N", "of each search", std::to_string(convergence.evaluations)},
             {"latency-ms", "MS", "limit of these searches; the original's median when not given", ""},
             {"no-convergence", "", "no searches", ""}}},
           output_group()},
      .example =
          "  assay curate spaces/ibn_imagenet.toml --accelerator spaces/accelerators/edge_npu_16.toml "
          "--out ibn_16.toml",
      .run = run};
}

}  // namespace assay::cli
