#include "measured_rows.hpp"

#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"
#include "assay/space/codec.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

namespace assay::cli {
namespace {

std::vector<std::string> header_of(const std::string& path) {
  std::ifstream file = open_input(path);
  CsvReader reader(file, path);
  return reader.header();
}

bool has(const std::vector<std::string>& columns, std::string_view name) {
  return std::ranges::find(columns, name) != columns.end();
}

// The first decision of the space that is no column; empty: all are there.
std::string missing_decision(const Space& space, const std::vector<std::string>& columns) {
  for (const Decision& decision : space.decisions())
    if (!has(columns, decision.name)) return decision.name;
  return {};
}

// A decision may be called "operator" too, and a column of a subgraph misspelt.
bool holds_subgraphs(const std::vector<std::string>& columns, const std::deque<Space>& spaces) {
  return has(columns, "operator") &&
         (has(columns, "in_channels") || std::ranges::none_of(spaces, [&](const Space& space) {
            return missing_decision(space, columns).empty();
          }));
}

const Space& space_of(const std::deque<Space>& spaces, const std::vector<std::string>& columns,
                      const std::string& path) {
  if (spaces.empty()) {
    throw InputError(
        fmt::format("{}: the file has no column \"operator\", so its rows are networks of a space. Name the "
                    "space with --space FILE.",
                    path));
  }
  for (const Space& space : spaces)
    if (missing_decision(space, columns).empty()) return space;
  const std::string missing = missing_decision(spaces.front(), columns);
  std::vector<std::string> others = columns;
  std::erase_if(others, [&](const std::string& name) {
    return std::ranges::find(spaces.front().decisions(), name, &Decision::name) !=
           spaces.front().decisions().end();
  });
  throw InputError(fmt::format(
      "{}: the file's rows are neither subgraphs (there is no column \"operator\") nor networks of "
      "{}: the decision \"{}\" is no column.{}",
      path, spaces.front().source(), missing, suggestion(missing, others)));
}

// Of the rows that say it; 0: none does.
double usual_reference(const MeasuredRows& rows) {
  std::vector<double> references;
  const auto add = [&](const Timing& timing) {
    if (timing.reference_ms > 0) references.push_back(timing.reference_ms);
  };
  for (const SubgraphMeasurement& row : rows.subgraphs) add(row.timing);
  for (const MeasuredNetwork& network : rows.networks) add(network.row.timing);
  if (references.empty()) return 0;
  const auto middle = references.begin() + std::ssize(references) / 2;
  std::ranges::nth_element(references, middle);
  return *middle;
}

// Rows of one file that repeat others are merged as it is read; files may contradict each other.
class Consistency {
 public:
  void add(std::uint64_t key, const std::string& what, double latency_ms, const std::string& path) {
    constexpr double contradictory = 1.5;
    const auto [known, is_new] = known_.try_emplace(key, Row{latency_ms, path});
    if (is_new || std::max(latency_ms, known->second.latency_ms) <=
                      contradictory * std::min(latency_ms, known->second.latency_ms))
      return;
    throw InputError(
        fmt::format("{}: {} took {:.4g} ms, but {} says {:.4g} ms for the same. Remove the wrong row.", path,
                    what, latency_ms, known->second.path, known->second.latency_ms));
  }

 private:
  struct Row {
    double latency_ms;
    std::string path;
  };
  std::unordered_map<std::uint64_t, Row> known_;
};

}  // namespace

std::vector<NetworkMeasurement> MeasuredRows::network_measurements() const {
  std::vector<NetworkMeasurement> out;
  for (const MeasuredNetwork& network : networks)
    out.push_back({&network.row.network, network.row.latency_ms});
  return out;
}

OptionGroup measured_rows_options() {
  return {
      "Measurements",
      {{"measurements", "FILE.csv,...",
        "files of subgraphs (as assay measure writes them), of networks (one column per "
        "decision), or both kinds",
        ""},
       {"space", "SPACE.toml,...", "spaces of the measured networks", ""},
       {"target", "COLUMN",
        "where latencies are; a name that ends with _us, _s or _per_s is read as microseconds, seconds or "
        "networks a second",
        "latency_ms"},
       {"skip-missing", "", "leave out rows whose latency is blank instead of refusing the file", ""}}};
}

MeasuredRows read_measured_rows(const Arguments& arguments, const Accelerator& accelerator,
                                double reference_ms) {
  const std::vector<std::string> paths = arguments.list("measurements");
  if (paths.empty()) {
    throw InputError(
        fmt::format("assay {}: name files of measurements with --measurements. "
                    "spaces/accelerators/measurements.md says how "
                    "they look.",
                    arguments.command_name()));
  }
  MeasuredRows out;
  for (const std::string& path : arguments.positionals()) out.spaces.push_back(Space::load(path));
  for (const std::string& path : arguments.list("space")) out.spaces.push_back(Space::load(path));
  const std::string target = arguments.text("target").value();
  const bool skip_missing = arguments.flag("skip-missing");
  std::optional<MeasurementContext> context;
  Consistency consistency;
  const auto agree = [&](const MeasurementContext& other, const std::string& path) {
    if (!context) context = other;
    if (*context == other) return;
    throw InputError(fmt::format(
        "{}: device, batch, data_type, runtime, clock_mhz or threads differ from those of {}. Fit "
        "one estimator to each.",
        path, paths.front()));
  };
  for (const std::string& path : paths) {
    const std::vector<std::string> columns = header_of(path);
    if (holds_subgraphs(columns, out.spaces)) {
      std::ifstream file = open_input(path);
      MeasurementSet set = read_measurements(file, path, &accelerator, target, skip_missing);
      agree(set.context, path);
      out.merged += set.merged;
      out.skipped += set.skipped;
      for (SubgraphMeasurement& row : set.rows) {
        consistency.add(row.subgraph.key(), describe(row.subgraph), row.latency_ms, path);
        out.subgraphs.push_back(std::move(row));
      }
    } else {
      const Space& space = space_of(out.spaces, columns, path);
      NetworkRows set = read_network_rows(space, path, &accelerator, target, skip_missing);
      agree(set.context, path);
      out.merged += set.merged;
      out.skipped += set.skipped;
      for (NetworkRow& row : set.rows) {
        const std::string what = to_text(space, space.normalised(row.candidate));
        consistency.add(hash_bytes(what.data(), what.size()), what, row.latency_ms, path);
        out.networks.push_back({&space, path, std::move(row)});
      }
    }
  }
  out.context = *context;
  if (!out.context.device.empty() && out.context.device != accelerator.name) {
    throw InputError(
        fmt::format("{}: the rows were measured on \"{}\", but the estimator is for \"{}\". Give the "
                    "accelerator file of that "
                    "name, or rename one of them.",
                    paths.front(), out.context.device, accelerator.name));
  }
  const double reference = reference_ms > 0 ? reference_ms : usual_reference(out);
  out.reference_ms = reference;
  for (SubgraphMeasurement& row : out.subgraphs)
    row.latency_ms = at_reference_speed(row.latency_ms, row.timing, reference);
  for (MeasuredNetwork& network : out.networks)
    network.row.latency_ms = at_reference_speed(network.row.latency_ms, network.row.timing, reference);
  return out;
}

}  // namespace assay::cli
