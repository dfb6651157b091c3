#include "assay/base/csv.hpp"
#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/estimate/sample.hpp"
#include "assay/space/space.hpp"

#include "commands.hpp"
#include "growing_file.hpp"
#include "measuring_device.hpp"
#include "network_rows.hpp"
#include "progress_display.hpp"
#include "terminal.hpp"
#include "wording.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Distinct candidates of a space that can be built, the same ones in the same order for a seed.
struct Sample {
  std::vector<Candidate> candidates;
  std::vector<Network> networks;
};

Sample sample_of(const Space& space, std::size_t count, std::uint64_t seed) {
  Sample sample;
  std::set<std::vector<std::uint16_t>> known;
  std::string failure = "it is empty";
  // A small space runs out of new candidates.
  for (std::uint64_t i = 0; sample.networks.size() < count && i < 20 * count; ++i) {
    Random random(seed, Purpose::sample, 0, i);
    Candidate candidate = space.normalised(space.sample(random));
    if (!known.insert(candidate.choices).second) continue;
    try {
      sample.networks.push_back(canonical(space.decode(candidate)));
      sample.candidates.push_back(std::move(candidate));
    } catch (const InputError& error) {
      failure = error.what();
    }
  }
  if (sample.networks.empty()) {
    throw InputError(fmt::format("{}: no candidate of the space can be built: {}", space.source(), failure));
  }
  return sample;
}

std::vector<const Network*> pointers(std::span<const Network> networks) {
  std::vector<const Network*> result;
  for (const Network& network : networks) result.push_back(&network);
  return result;
}

ProgressState progress_of(std::string title, std::string unit, std::size_t known, std::size_t total) {
  const auto count = static_cast<std::int64_t>(known);
  return {.phase = "measure",
          .title = std::move(title),
          .counted = "measured",
          .unit = std::move(unit),
          .done = count,
          .known = count,
          .total = static_cast<std::int64_t>(total)};
}

[[noreturn]] void fail_to_continue(const std::string& path, std::string_view what) {
  throw InputError(fmt::format(
      "{}: the file cannot be continued: {}. Repeat the command that began it, or give another file.", path,
      what));
}

void check_context(const GrowingFile& file, const MeasurementContext& there, const MeasurementContext& here) {
  if (there == here) return;
  fail_to_continue(file.path(),
                   "its rows were taken on another device, or with another batch, runtime or number "
                   "of threads");
}

std::string already_measured(const std::string& path, std::size_t count, std::string_view noun) {
  return fmt::format("{}: {} {} measured already.", path, number_of(static_cast<std::int64_t>(count), noun),
                     count == 1 ? "is" : "are");
}

bool has_rows(const GrowingFile& file) {
  return std::ranges::count(file.content(), '\n') > 1;
}

// How sure the rows are, in a sentence.
void note_noise(std::span<const double> noise_percent, std::string_view what) {
  if (noise_percent.empty()) return;
  std::vector<double> sorted(noise_percent.begin(), noise_percent.end());
  std::ranges::sort(sorted);
  const double median = sorted[sorted.size() / 2], high = sorted[sorted.size() * 9 / 10];
  if (high == 0) return;  // a model's
  note(fmt::format("Halves of the repeats differ by {:.1f} % for the median {}, by {:.1f} % for one in ten.",
                   median, what, high));
}

// --- subgraphs
// -------------------------------------------------------------------------------------------------------

class SubgraphRun {
 public:
  SubgraphRun(MeasuringDevice& device, std::span<const Network* const> networks, std::size_t total,
              std::uint64_t seed)
      : device_(device), networks_(networks), total_(total), seed_(seed) {}

  void run(GrowingFile& file, bool quiet) {
    const std::string& path = file.path();
    const MeasurementContext context = device_.context();
    std::vector<SubgraphMeasurement> rows;
    if (has_rows(file)) {
      std::istringstream text(file.content());
      const MeasurementSet known = read_measurements(text, path);
      check_context(file, known.context, context);
      rows = known.rows;
      if (rows.size() > total_)
        fail_to_continue(path, fmt::format("it has {} rows instead of {}", rows.size(), total_));
    }
    if (!rows.empty() && !quiet) note(already_measured(path, rows.size(), "subgraph"));
    ProgressDisplay display(progress_of("measuring subgraphs", "subgraphs", rows.size(), total_),
                            streamed_results(path));
    std::size_t decided = 0;
    while (decided < total_) {
      const std::vector<Subgraph> next = choose(std::span(rows).first(decided));
      if (next.empty()) break;
      for (std::size_t i = 0; i < next.size() && decided + i < rows.size(); ++i) {
        if (rows[decided + i].subgraph == next[i]) continue;
        fail_to_continue(
            path, fmt::format("row {} is \"{}\", where \"{}\" belongs for these spaces, this number of "
                              "subgraphs and this seed",
                              decided + i + 1, describe(rows[decided + i].subgraph), describe(next[i])));
      }
      decided += next.size();
      const std::size_t missing = decided - std::min(decided, rows.size());
      std::span<const Subgraph> left = std::span(next).last(missing);
      while (!left.empty()) {
        const std::vector<HostLatency> latencies = device_.measure(left);
        std::string text;
        for (std::size_t i = 0; i < latencies.size(); ++i) {
          rows.push_back({left[i], latencies[i].latency_ms, latencies[i].timing});
          text += measurement_row(context, rows.back());
        }
        file.append(text);
        left = left.subspan(latencies.size());
        display.advance(std::ssize(rows));
      }
    }
    display.close();
    if (quiet) return;
    if (rows.size() < total_) {
      note(fmt::format("{} hold{} no more distinct subgraphs: {}, with variations of them.",
                       number_of(std::ssize(networks_), "network"), networks_.size() == 1 ? "s" : "",
                       number_of(std::ssize(rows), "row")));
    }
    std::vector<double> noise;
    for (const SubgraphMeasurement& row : rows) noise.push_back(row.timing.noise_percent);
    note_noise(noise, "subgraph");
  }

 private:
  // A third blindly, the rest in four rounds where the estimator of the rows so far is least sure.
  std::vector<Subgraph> choose(std::span<const SubgraphMeasurement> rows) const {
    constexpr std::size_t fewest = 60, rounds = 4;
    const std::size_t blind = std::min(total_, std::max(total_ / 3, fewest));
    if (rows.empty()) {
      return sample_subgraphs(device_.accelerator().fusion, networks_, blind, seed_);
    }
    const std::size_t step = std::max<std::size_t>((total_ - blind + rounds - 1) / rounds, 1);
    return sample_uncertain(device_.accelerator(), networks_, rows, std::min(step, total_ - rows.size()),
                            seed_);
  }

  MeasuringDevice& device_;
  std::span<const Network* const> networks_;
  std::size_t total_;
  std::uint64_t seed_;
};

// --- networks
// --------------------------------------------------------------------------------------------------------

// With several spaces, whose decisions make different columns, each has a file: "G.csv" becomes "G.NAME.csv".
std::string networks_path(const std::string& path, const Space& space, bool several) {
  if (!several) return path;
  const std::filesystem::path given(path);
  return (given.parent_path() / (given.stem().string() + "." + space.name() + given.extension().string()))
      .string();
}

std::string network_header(const Space& space) {
  std::vector<std::string> names;
  for (const Decision& decision : space.decisions()) names.push_back(decision.name);
  for (const std::string_view name : timing_columns()) names.emplace_back(name);
  return csv_row(names);
}

std::string network_row(const Space& space, const Candidate& candidate, const MeasurementContext& context,
                        const HostLatency& latency) {
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < candidate.choices.size(); ++i)
    fields.push_back(space.decisions()[i].options[candidate.choices[i]]);
  for (std::string& field : timing_fields(context, latency.latency_ms, latency.timing))
    fields.push_back(std::move(field));
  return csv_row(fields);
}

void measure_networks(MeasuringDevice& device, const Space& space, const Sample& sample, std::size_t wanted,
                      GrowingFile& file, bool quiet) {
  const std::string& path = file.path();
  const MeasurementContext context = device.context();
  const std::size_t total = std::min(wanted, sample.networks.size());
  std::size_t done = 0;
  std::vector<double> noise;
  if (has_rows(file)) {
    std::istringstream text(file.content());
    const NetworkRows known = read_network_rows(space, text, path);
    check_context(file, known.context, context);
    for (const NetworkRow& row : known.rows) {
      if (done == total || space.normalised(row.candidate) != sample.candidates[done]) {
        fail_to_continue(path,
                         fmt::format("line {} is not what this seed and number of networks give", row.line));
      }
      noise.push_back(row.timing.noise_percent);
      ++done;
    }
    if (!quiet) note(already_measured(path, done, "network"));
  }
  ProgressDisplay display(
      progress_of(fmt::format("measuring networks of {}", space.name()), "networks", done, total),
      streamed_results(path));
  const std::vector<const Network*> networks = pointers(std::span(sample.networks).first(total));
  while (done < total) {
    std::string text;
    for (const HostLatency& latency : device.measure(std::span(networks).subspan(done))) {
      text += network_row(space, sample.candidates[done++], context, latency);
      noise.push_back(latency.timing.noise_percent);
    }
    file.append(text);
    display.advance(static_cast<std::int64_t>(done));
  }
  display.close();
  if (!quiet) note_noise(noise, fmt::format("network of {}", space.name()));
}

int run(const Arguments& arguments) {
  if (arguments.positionals().empty())
    throw InputError("assay measure: name a space file (.toml). See: assay measure --help");
  const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  const auto subgraphs = static_cast<std::size_t>(arguments.integer("subgraphs", 0, 1'000'000).value());
  const auto networks = static_cast<std::size_t>(arguments.integer("networks", 0, 1'000'000).value());
  const auto networks_out = arguments.text("networks-out");
  const bool quiet = arguments.flag("quiet");
  if (arguments.given("networks") && networks > 0 && !networks_out) {
    throw InputError(
        "assay measure: say where the rows of whole networks go, with --networks-out FILE; they have other "
        "columns than those of subgraphs.");
  }
  const std::unique_ptr<MeasuringDevice> device = make_device(arguments);

  // Networks whose subgraphs are chosen from: so many that few others leave their range.
  constexpr std::size_t pool = 300;
  std::vector<Space> spaces;
  std::vector<Sample> samples;
  std::vector<const Network*> all;
  for (const std::string& path : arguments.positionals()) {
    spaces.push_back(Space::load(path));
    samples.push_back(sample_of(spaces.back(), std::max(pool, networks), seed));
  }
  for (const Sample& sample : samples) {
    for (const Network& network : std::span(sample.networks).first(std::min(pool, sample.networks.size())))
      all.push_back(&network);
  }
  // All files, before hours are spent on the first.
  std::optional<GrowingFile> subgraph_file;
  std::deque<GrowingFile> network_files;
  if (subgraphs > 0) subgraph_file.emplace(arguments.text("out").value_or("-"), measurement_header());
  if (networks_out && networks > 0) {
    for (const Space& space : spaces) {
      network_files.emplace_back(networks_path(*networks_out, space, spaces.size() > 1),
                                 network_header(space));
    }
  }
  if (subgraph_file) SubgraphRun(*device, all, subgraphs, seed).run(*subgraph_file, quiet);
  for (std::size_t i = 0; i < network_files.size(); ++i)
    measure_networks(*device, spaces[i], samples[i], networks, network_files[i], quiet);
  return 0;
}

}  // namespace

Command measure_command() {
  return {
      .name = "measure",
      .summary =
          "time subgraphs and networks of a space on this CPU, or on an accelerator file's cycle model",
      .positionals = "SPACE.toml [SPACE.toml ...]",
      .max_positionals = 64,
      .description =
          "Writes the measurements that fit and validate work from. A third of the subgraphs is drawn by "
          "kind, "
          "the others\n"
          "where an estimator fitted to the rows so far errs most. On the CPU things take turns, so that "
          "each "
          "meets the\n"
          "machine in the same states; other work makes the times noisier, which noise_percent shows. Where "
          "that "
          "is\n"
          "allowed, \"chrt -f 1 assay measure ...\" keeps other programs away.\n"
          "Rows are on disk as soon as they are known. The same command continues a file that an interrupted "
          "run "
          "left.\n"
          "spaces/accelerators/measurements.md explains the columns.",
      .groups =
          {device_options(),
           {"What is measured",
            {{"subgraphs", "N", "subgraphs of all the spaces' networks together", "500"},
             {"networks", "N", "whole networks of each space, when --networks-out is given", "20"},
             {"seed", "N", "seed of everything random", "1"}}},
           {"Output",
            {{"out", "FILE", "rows of subgraphs (CSV); continued when it exists", "-"},
             {"networks-out", "FILE.csv",
              "rows of whole networks (CSV); continued when it exists; of several spaces each has its own, "
              "FILE with the space's name before its ending",
              ""},
             progress_option(),
             {"quiet", "", "no progress and no notes on standard error", ""},
             {"help", "", "this text", ""}}}},
      .example =
          "  assay measure spaces/mobilenetv2.toml --device cpu --out subgraphs.csv --networks-out "
          "networks.csv\n"
          "  assay measure spaces/mobilenetv2.toml --device spaces/accelerators/edge_npu_16.toml --noise "
          "0.02",
      .run = run};
}

}  // namespace assay::cli
