// Fits an estimator to measurements.
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/random.hpp"
#include "assay/base/text.hpp"
#include "assay/estimate/sample.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "measured_rows.hpp"
#include "progress_display.hpp"
#include "terminal.hpp"
#include "wording.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// What is known of hardware that nobody describes: nothing but the usual fusion.
constexpr const char* undescribed = R"(name = "unnamed"
clock_mhz = 1000
number_format = "fp32"
[macs_per_lane]
fp32 = 1
[fusion]
add = true
activations = ["relu", "relu6", "leaky_relu"]
)";

Accelerator accelerator_of(const Arguments& arguments) {
  if (const auto path = arguments.text("accelerator")) return Accelerator::load(*path);
  Accelerator accelerator = Accelerator::parse(undescribed, "the default accelerator");
  accelerator.name = arguments.text("name").value_or(accelerator.name);
  return accelerator;
}

// Keeps `count` of the rows, drawn at random; validate judges by the others.
void draw(MeasuredRows& rows, std::int64_t count, std::uint64_t seed) {
  if (count > std::ssize(rows.subgraphs) + std::ssize(rows.networks)) {
    throw InputError(
        fmt::format("--rows is {}, but there are {} measurements. Ask for fewer.", count, rows.size()));
  }
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random random(seed, Purpose::split, 2);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    std::swap(order[i], order[i + random.below(order.size() - i)]);
  std::vector<bool> kept(rows.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) kept[order[i]] = true;
  const auto subgraphs = rows.subgraphs.size();
  const auto keep = [&](auto& list, std::size_t first) {
    std::size_t at = first;
    std::erase_if(list, [&](const auto&) { return !kept[at++]; });
  };
  keep(rows.subgraphs, 0);
  keep(rows.networks, subgraphs);
}

Table kind_table(const CrossValidation& validation) {
  Table table{.columns = {{"kind", "kind", Style::text},
                          {"rows", "rows", Style::count},
                          {"mape_percent", "MAPE", Style::percent},
                          {"roofline_mape_percent", "roofline alone", Style::percent},
                          {"model", "model", Style::text}},
              .rows = {}};
  for (const CrossValidation::Kind& kind : validation.kinds) {
    const std::string model = fmt::format("{}{}", kind.fallback ? "roofline of all kinds" : "roofline",
                                          kind.corrected ? ", corrected" : "");
    const bool judged = kind.rows > 0;
    table.rows.push_back({std::string(to_string(kind.kind)), std::int64_t{kind.rows},
                          judged ? Cell(kind.mape_percent) : Cell(),
                          judged ? Cell(kind.roofline_mape_percent) : Cell(), model});
  }
  if (validation.networks > 0) {
    table.rows.push_back({std::string("networks"), std::int64_t{validation.networks}, validation.mape_percent,
                          validation.roofline_mape_percent, std::string("sum of the subgraphs")});
  }
  return table;
}

std::string lanes_text(const LaneFinding& lanes) {
  std::string text = fmt::format("{} {}: {}", to_string(lanes.kind), lanes.dimension, lanes.lanes);
  if (lanes.softness < 1) text += fmt::format(", softness {}", lanes.softness);
  // Below that, another seed could turn it round.
  constexpr double sure = 1.2;
  if (lanes.rival_error < sure)
    return text + fmt::format(" (not sure: {} fits as well, error x{:.2f})", lanes.rival, lanes.rival_error);
  return text +
         fmt::format(" (the next best, {}, has {:.1f} times the error)", lanes.rival, lanes.rival_error);
}

void print_report(const Estimator& estimator) {
  std::string text;
  const CrossValidation& validation = estimator.cross_validation();
  text += fmt::format("Cross-validated on {}, {} folds: MAPE {:.2f} %, within 10 %: {:.1f} %.\n\n",
                      number_of(validation.networks > 0 ? validation.networks : validation.rows,
                                validation.networks > 0 ? "network" : "subgraph"),
                      validation.folds, validation.mape_percent, validation.within_10_percent);
  text += kind_table(validation).to_text(terminal_width(), use_colour());
  std::string found, unsure;
  for (const LaneFinding& lanes : estimator.lanes()) {
    if (lanes.from_file) continue;
    // A single lane that another count fits as well is no finding.
    if (lanes.lanes == 1) {
      unsure += fmt::format("{}{} {}", unsure.empty() ? "" : ", ", to_string(lanes.kind), lanes.dimension);
    } else {
      found += "  " + lanes_text(lanes) + "\n";
    }
  }
  if (!found.empty()) text += "\nLanes found in the measurements:\n" + found;
  if (!unsure.empty()) text += "\nNo lanes show in the measurements of " + unsure + ".\n";
  fmt::print("{}", text);
}

void report_outliers(const std::vector<Outlier>& outliers, const MeasuredRows& rows) {
  constexpr std::size_t shown = 10;
  if (outliers.empty()) return;
  note(outliers.size() == 1 ? "1 measurement contradicts the others and counts less:"
                            : fmt::format("{} contradict the others and count less:",
                                          number_of(std::ssize(outliers), "measurement")));
  for (std::size_t i = 0; i < std::min(shown, outliers.size()); ++i) {
    const Outlier& outlier = outliers[i];
    const std::string what = outlier.network ? fmt::format("{}:{}", rows.networks[outlier.row].source,
                                                           rows.networks[outlier.row].row.line)
                                             : describe(rows.subgraphs[outlier.row].subgraph);
    note(fmt::format("  {}: measured {:.4g} ms, expected {:.4g} ms", what, outlier.measured_ms,
                     outlier.expected_ms));
  }
  if (outliers.size() > shown) note(fmt::format("  and {} more", outliers.size() - shown));
}

void report_helpful(const Estimator& estimator, const MeasuredRows& rows) {
  constexpr int sample = 200;
  constexpr std::size_t shown = 5;
  std::vector<Network> networks;
  for (const Space& space : rows.spaces) {
    for (Network& network : sample_networks(space, sample)) networks.push_back(std::move(network));
  }
  if (networks.empty()) return;
  std::string text = "Measuring these would make estimates surer (share of the variance in the space):\n";
  for (const HelpfulMeasurement& each : most_helpful(estimator, networks, shown))
    text += fmt::format("  {:5.1f} %  {}\n", 100 * each.share, describe(each.subgraph));
  fmt::print("\n{}", text);
}

std::string rows_text(const MeasuredRows& rows) {
  const std::string subgraphs = number_of(std::ssize(rows.subgraphs), "subgraph");
  const std::string networks = number_of(std::ssize(rows.networks), "network");
  if (rows.networks.empty()) return subgraphs;
  return rows.subgraphs.empty() ? networks : subgraphs + " and " + networks;
}

int run(const Arguments& arguments) {
  const std::string out = arguments.required_text("out");
  const bool quiet = arguments.flag("quiet");
  const auto count = arguments.integer("rows", 10, 1'000'000);
  const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  FitOptions options;
  options.seed = seed;
  options.coverage = arguments.number("coverage", 0.5, 0.99).value();
  const Accelerator accelerator = accelerator_of(arguments);
  MeasuredRows rows = read_measured_rows(arguments, accelerator);
  // A place that cannot be written must not be found out after the work.
  const OutputFile probe(out);
  if (count) draw(rows, *count, seed);
  if (!quiet) {
    if (rows.merged > 0)
      note(rows.merged == 1
               ? "1 repeated row was merged into the median."
               : fmt::format("{} repeated rows were merged, each into its median.", rows.merged));
    if (rows.skipped > 0)
      note(rows.skipped == 1 ? "1 row without a latency was left out."
                             : fmt::format("{} rows without a latency were left out.", rows.skipped));
    note(fmt::format("Fitting to {} ...", rows_text(rows)));
  }
  ProgressDisplay display({.phase = "fit", .title = "fitting"});
  options.reference_ms = rows.reference_ms;
  std::vector<Outlier> outliers;
  const Estimator estimator =
      Estimator::fit(accelerator, rows.subgraphs, rows.network_measurements(), options, &outliers);
  write_file(out, estimator.to_json());
  display.close();
  if (quiet) return 0;
  print_report(estimator);
  report_outliers(outliers, rows);
  report_helpful(estimator, rows);
  note(
      fmt::format("The estimator is in {}. Judge it with assay validate --estimator, use it with assay "
                  "estimate or search --estimator.",
                  out));
  return 0;
}

}  // namespace

Command fit_command() {
  return {
      .name = "fit",
      .summary = "fit an estimator of latency to measurements of subgraphs, networks, or both",
      .positionals = "[SPACE.toml ...]",
      .max_positionals = 64,
      .description =
          "Finds what a subgraph takes from measured subgraphs, from measured networks (a network takes the\n"
          "sum of its subgraphs), or from both: then the networks teach how subgraphs inside of a network\n"
          "differ from subgraphs alone. From 20 networks or 10 subgraphs on; 100 networks of a space are\n"
          "usually enough for that space.\n\n"
          "The report says how well rows are predicted that a fold of the cross-validation left out, which\n"
          "lanes the measurements show where the accelerator file leaves them open, which rows contradict\n"
          "the others, and what to measure next.",
      .groups =
          {measured_rows_options(),
           {"Fit",
            {{"accelerator", "ACCELERATOR.toml",
              "what is known of the hardware: fusion rules at least; lanes left open are found by the fit",
              ""},
             {"name", "NAME", "the accelerator's name, when there is no file", ""},
             {"rows", "N", "fit to N rows drawn at random; validate judges by the others", ""},
             {"coverage", "SHARE", "of the prediction intervals", "0.9"},
             {"seed", "N", "seed of everything random", "1"}}},
           {"Output",
            {{"out", "FILE.json", "the estimator", ""},
             progress_option(),
             {"quiet", "", "only the file, no report", ""}}}},
      .example =
          "  assay fit --space spaces/mnasnet_accel.toml --measurements zcu102.csv \\\n"
          "    --accelerator spaces/accelerators/zcu102_dpu.toml --out zcu102.json\n"
          "  assay fit --measurements subgraphs.csv --accelerator npu.toml --out npu.json",
      .run = run};
}

}  // namespace assay::cli
