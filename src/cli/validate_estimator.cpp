#include "validate_estimator.hpp"

#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/score/statistics.hpp"

#include "common.hpp"
#include "measured_rows.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay::cli {
namespace {

struct Judged {
  std::string source;
  int line = 0;  // 0: a subgraph
  std::string what;
  const Network* network = nullptr;
  double measured_ms = 0;
  Prediction prediction;

  double error() const { return prediction.latency_ms / measured_ms - 1; }
};

Table summary_table() {
  return {.columns = {{"rows_of", "rows of", Style::text},
                      {"rows", "rows", Style::count},
                      {"mape_percent", "MAPE", Style::percent},
                      {"within_5_percent", "within 5 %", Style::percent},
                      {"within_10_percent", "within 10 %", Style::percent},
                      {"spearman", "Spearman", Style::number},
                      {"bias_percent", "bias", Style::percent},
                      {"covered_percent", "in interval", Style::percent},
                      {"noise_percent", "noise", Style::percent},
                      {"extrapolated", "extrapolated", Style::count}},
          .rows = {}};
}

std::vector<Cell> summary_of(const std::string& name, const std::vector<Judged>& rows, double noise_percent) {
  double absolute = 0, bias = 0;
  std::int64_t within_5 = 0, within_10 = 0, covered = 0, extrapolated = 0;
  std::vector<double> measured, predicted;
  for (const Judged& row : rows) {
    const double error = row.error();
    absolute += std::abs(error);
    bias += error;
    within_5 += std::abs(error) <= 0.05;
    within_10 += std::abs(error) <= 0.1;
    covered +=
        row.measured_ms >= row.prediction.latency_low_ms && row.measured_ms <= row.prediction.latency_high_ms;
    extrapolated += row.prediction.extrapolated;
    measured.push_back(row.measured_ms);
    predicted.push_back(row.prediction.latency_ms);
  }
  const auto n = static_cast<double>(rows.size());
  const auto share = [&](std::int64_t count) { return 100 * static_cast<double>(count) / n; };
  const bool ordered = rows.size() >= 3;
  return {name,
          std::ssize(rows),
          significant(100 * absolute / n),
          significant(share(within_5)),
          significant(share(within_10)),
          ordered ? Cell(significant(spearman(measured, predicted))) : Cell(),
          significant(100 * bias / n),
          significant(share(covered)),
          noise_percent > 0 ? Cell(noise_percent) : Cell(),
          extrapolated};
}

double median_noise(std::vector<double> noise) {
  if (noise.empty()) return 0;
  const auto middle = noise.begin() + std::ssize(noise) / 2;
  std::ranges::nth_element(noise, middle);
  return *middle;
}

// The parts that a wrong network's latency hangs on most.
std::string heaviest_parts(const Estimator& estimator, const Network& network) {
  constexpr std::size_t shown = 3;
  std::vector<SubgraphPrediction> parts = estimator.explain(network);
  std::ranges::stable_sort(parts, std::greater<>(), &SubgraphPrediction::latency_ms);
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, parts.size()); ++i)
    text += fmt::format("{}{:.0f} % {}{}", i == 0 ? "" : "; ", 100 * parts[i].share,
                        describe(parts[i].subgraph), parts[i].extrapolated ? " (extrapolated)" : "");
  return text;
}

Table worst_table(const Estimator& estimator, std::vector<Judged> rows) {
  constexpr std::size_t shown = 10;
  std::ranges::stable_sort(rows, std::greater<>(), [](const Judged& row) { return std::abs(row.error()); });
  Table table{.columns = {{"row", "worst rows", Style::text},
                          {"measured_ms", "measured (ms)", Style::number},
                          {"latency_ms", "predicted (ms)", Style::number},
                          {"error_percent", "error", Style::percent},
                          {"heaviest", "subgraph, or the network's heaviest", Style::text}},
              .rows = {}};
  for (std::size_t i = 0; i < std::min(shown, rows.size()); ++i) {
    const Judged& row = rows[i];
    table.rows.push_back({row.line > 0 ? fmt::format("line {}", row.line) : "subgraph", row.measured_ms,
                          row.prediction.latency_ms, 100 * row.error(),
                          row.network != nullptr ? heaviest_parts(estimator, *row.network) : row.what});
  }
  return table;
}

void write_predictions(const std::string& path, const std::vector<Judged>& rows) {
  const std::array<std::string, 8> header = {"source",          "line",        "what",
                                             "measured_ms",     "latency_ms",  "latency_low_ms",
                                             "latency_high_ms", "extrapolated"};
  std::string text = csv_row(header);
  for (const Judged& row : rows) {
    const std::array<std::string, 8> fields = {row.source,
                                               row.line > 0 ? std::to_string(row.line) : "",
                                               row.what,
                                               exact_number(row.measured_ms),
                                               exact_number(row.prediction.latency_ms),
                                               exact_number(row.prediction.latency_low_ms),
                                               exact_number(row.prediction.latency_high_ms),
                                               row.prediction.extrapolated ? "true" : "false"};
    text += csv_row(fields);
  }
  write_file(path, text);
}

}  // namespace

int validate_estimator(const Arguments& arguments) {
  const Output output(arguments);
  const Estimator estimator = Estimator::load(arguments.required_text("estimator"));
  const MeasuredRows measured =
      read_measured_rows(arguments, estimator.accelerator(), estimator.reference_ms());

  std::vector<Judged> subgraphs, networks;
  std::vector<double> subgraph_noise, network_noise;
  std::int64_t fitted = 0;
  for (const SubgraphMeasurement& row : measured.subgraphs) {
    if (estimator.fitted_to(row.subgraph)) {
      ++fitted;
      continue;
    }
    subgraphs.push_back({"", 0, describe(row.subgraph), nullptr, row.latency_ms,
                         estimator.predict(row.subgraph, Setting::alone)});
    subgraph_noise.push_back(row.timing.noise_percent);
  }
  Estimator::Session session(estimator);
  for (const MeasuredNetwork& each : measured.networks) {
    if (estimator.fitted_to(each.row.network)) {
      ++fitted;
      continue;
    }
    networks.push_back({each.source, each.row.line, to_text(*each.space, each.row.candidate),
                        &each.row.network, each.row.latency_ms, session.predict(each.row.network)});
    network_noise.push_back(each.row.timing.noise_percent);
  }
  if (subgraphs.empty() && networks.empty()) {
    throw InputError(
        fmt::format("assay validate: the estimator was fitted to all {} measurements: they say nothing about "
                    "others. Give rows "
                    "that it has not seen (assay fit --rows N leaves some out).",
                    fitted));
  }
  if (!output.quiet()) {
    if (fitted > 0) note(fmt::format("{} rows that the estimator was fitted to are left out.", fitted));
    if (measured.merged > 0)
      note(fmt::format("{} repeated row{} merged.", measured.merged,
                       measured.merged == 1 ? " was" : "s were"));
    if (measured.skipped > 0) note(fmt::format("{} rows without a latency were left out.", measured.skipped));
  }
  Table summary = summary_table();
  std::vector<Judged> all = networks;
  if (!networks.empty())
    summary.rows.push_back(summary_of("networks", networks, median_noise(network_noise)));
  if (!subgraphs.empty()) {
    summary.rows.push_back(summary_of("subgraphs", subgraphs, median_noise(subgraph_noise)));
    all.insert(all.end(), subgraphs.begin(), subgraphs.end());
  }
  if (const auto path = arguments.text("predictions")) write_predictions(*path, all);
  if (output.format() != Format::table) {
    output.write(summary);
    return 0;
  }
  const int width = output.path() == "-" ? terminal_width() : 0;
  const bool colour = output.path() == "-" && use_colour();
  output.write(summary.to_text(width, colour) + "\n" + worst_table(estimator, all).to_text(width, colour));
  return 0;
}

}  // namespace assay::cli
