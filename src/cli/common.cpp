#include "common.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/runtime/runtime.hpp"

#include "progress_display.hpp"
#include "rank_weights.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace assay::cli {

// --- results
// -------------------------------------------------------------------------------------------------------

OptionGroup output_options() {
  return {
      "Output",
      {{"format", "table|csv|json",
        "how results are written; table on a terminal, csv elsewhere, and as the ending of --out says", ""},
       {"out", "FILE", "write results there instead of to standard output", ""},
       progress_option(),
       {"quiet", "", "no progress and no notes on standard error", ""},
       {"help", "", "this text", ""}}};
}

Output::Output(const Arguments& arguments, std::optional<Format> usual)
    : path_(arguments.text("out").value_or("-")), quiet_(arguments.flag("quiet")) {
  // A place that cannot be written must not be found out after the work: this makes and removes the temporary
  // file.
  const OutputFile probe(path_);
  static const std::vector<std::string> names = {"table", "csv", "json"};
  const auto given = arguments.text("format");
  if (!given) {
    format_ = path_.ends_with(".json")         ? Format::json
              : path_.ends_with(".csv")        ? Format::csv
              : usual                          ? *usual
              : path_ == "-" && is_terminal(1) ? Format::table
                                               : Format::csv;
    return;
  }
  const auto found = std::find(names.begin(), names.end(), *given);
  if (found == names.end()) {
    throw InputError(fmt::format("assay {}: --format is \"{}\".{}", arguments.command_name(), *given,
                                 suggestion(*given, names)));
  }
  format_ = static_cast<Format>(found - names.begin());
}

void Output::write(const Table& table) const {
  switch (format_) {
    case Format::table:
      return write(table.to_text(path_ == "-" ? terminal_width() : 0, path_ == "-" && use_colour()));
    case Format::csv:
      return write(table.to_csv());
    case Format::json:
      return write(table.to_json());
  }
}

void Output::write(const std::string& text) const {
  OutputFile file(path_);
  file.write(text);
  file.close();
}

// --- estimates and scores
// --------------------------------------------------------------------------------------------

std::vector<Network> sample_networks(const Space& space, int count) {
  std::vector<Network> networks;
  std::string failure;
  for (int i = 0; i < count; ++i) {
    Random random(1, Purpose::sample, 0, static_cast<std::uint64_t>(i));
    try {
      networks.push_back(canonical(space.decode(space.sample(random))));
    } catch (const InputError& error) {
      failure = error.what();  // counted and shown where candidates are judged
    }
  }
  if (networks.empty()) {
    throw InputError(
        fmt::format("{}: none of {} random candidates can be built. {}", space.source(), count, failure));
  }
  return networks;
}

OptionGroup estimator_options() {
  return {"Latency and memory",
          {{"accelerator", "ACCELERATOR.toml",
            "accelerator file: its cycle model; of a space, an estimator fitted to that over the space's "
            "subgraphs",
            ""},
           {"estimator", "ESTIMATOR.json", "fitted estimator instead of --accelerator", ""}}};
}

std::optional<Estimator> make_estimator(const Arguments& arguments,
                                        const std::function<std::vector<Network>()>& networks) {
  const auto accelerator = arguments.text("accelerator");
  const auto estimator = arguments.text("estimator");
  if (accelerator && estimator) {
    throw InputError(fmt::format("assay {}: --accelerator and --estimator exclude each other. Give one.",
                                 arguments.command_name()));
  }
  if (estimator) return Estimator::load(*estimator);
  if (!accelerator) return std::nullopt;
  const Accelerator hardware = Accelerator::load(*accelerator);
  if (!networks) return Estimator::of_cycle_model(hardware);
  const ProgressDisplay display(
      {.phase = "fit", .title = fmt::format("fitting an estimator of {}", hardware.name)});
  return fit_from_networks(hardware, networks());
}

OptionGroup score_options() {
  std::vector<std::string> names;
  for (const ScoreInfo& info : score_registry()) names.emplace_back(info.name);
  const std::string help = "comma-separated, or all: " + join(names, ", ");
  names.emplace_back("all");
  const ScoreSettings usual;
  return {
      "Scores",
      {{"scores", "LIST", help, join(usual.scores, ","), names},
       rank_weights_option(),
       {"batch", "N", "images per pass", std::to_string(usual.batch)},
       {"repeats", "N", "independent initialisations, averaged", std::to_string(usual.repeats)},
       {"resolution", "N", "execute networks at no more than N pixels a side; 0 is their own resolution",
        std::to_string(usual.resolution)},
       {"workers", "N",
        "threads; 0 is one per core. Results do not depend on it, unless --max-memory is shared among them",
        "0"},
       {"max-memory", "MIB",
        "what all threads together may use; a network that needs more than its thread's share is not "
        "executed, and says so",
        ""}}};
}

ScoreSettings score_settings(const Arguments& arguments) {
  ScoreSettings settings;
  settings.scores = arguments.list("scores");
  if (settings.scores == std::vector<std::string>{"all"}) {
    settings.scores.clear();
    for (const ScoreInfo& info : score_registry()) settings.scores.emplace_back(info.name);
  }
  settings.batch = static_cast<int>(arguments.integer("batch", 1, 65536).value());
  settings.repeats = static_cast<int>(arguments.integer("repeats", 1, 1000).value());
  settings.resolution = static_cast<int>(arguments.integer("resolution", 0, 65536).value());
  settings.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  validate(settings);
  return settings;
}

WorkerMemory worker_memory(const Arguments& arguments) {
  const int given = worker_count(arguments);
  const std::int64_t workers = given > 0 ? given : std::max(1u, std::thread::hardware_concurrency());
  if (const auto mib = arguments.integer("max-memory", 1, std::int64_t{1} << 40))
    return {.bytes = *mib * 1024 * 1024 / workers, .asked_for = true};
  // The rest is for the program itself and for others.
  constexpr double share = 0.8;
  return {.bytes =
              static_cast<std::int64_t>(share * static_cast<double>(available_memory_bytes())) / workers};
}

int worker_count(const Arguments& arguments) {
  return static_cast<int>(arguments.integer("workers", 0, 1024).value());
}

}  // namespace assay::cli
