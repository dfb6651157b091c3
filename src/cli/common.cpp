#include "common.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/network/json.hpp"
#include "assay/runtime/runtime.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <set>
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
       {"quiet", "", "no progress and no notes on standard error", ""},
       {"help", "", "this text", ""}}};
}

Output::Output(const Arguments& arguments)
    : path_(arguments.text("out").value_or("-")), quiet_(arguments.flag("quiet")) {
  // A place that cannot be written must not be found out after the work: this makes and removes the temporary
  // file.
  const OutputFile probe(path_);
  static const std::vector<std::string> names = {"table", "csv", "json"};
  const auto given = arguments.text("format");
  if (!given) {
    format_ = path_.ends_with(".json")         ? Format::json
              : path_.ends_with(".csv")        ? Format::csv
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

// --- networks
// ------------------------------------------------------------------------------------------------------

OptionGroup input_options() {
  return {"Candidates of a space",
          {{"candidates", "FILE",
            "CSV or JSON lines with one column (key) per decision; - reads standard input", ""},
           {"candidate", "TEXT", "one candidate, \"stage1.kernel=3 stage1.depth=2 ...\"", ""},
           {"sample", "N", "N random candidates", ""},
           {"all", "", "every candidate of the space", ""},
           {"seed", "N", "seed of everything random", "1"}}};
}

namespace {

// What the file holds, with the types it has there.
std::vector<Cell> cells_of(const CandidateRow& row) {
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    switch (row.types[i]) {
      case FieldType::text:
        cells.emplace_back(row.fields[i]);
        break;
      case FieldType::json:
        cells.emplace_back(RawJson{row.fields[i]});
        break;
      case FieldType::null:
      case FieldType::absent:
        cells.emplace_back();
        break;
    }
  }
  return cells;
}

}  // namespace

Workload::Workload(const Arguments& arguments) {
  const std::string command = arguments.command_name();
  if (arguments.positionals().empty()) {
    throw InputError(
        fmt::format("assay {}: name a space file (.toml) or a network file (.json). See: assay {} --help",
                    command, command));
  }
  source_ = arguments.positionals()[0];
  const int selections = arguments.flag("candidates") + arguments.flag("candidate") +
                         arguments.flag("sample") + arguments.flag("all");
  if (source_.ends_with(".json")) {
    if (selections > 0) {
      throw InputError(
          fmt::format("assay {}: {} is one network, not a space. Leave --candidates, --candidate, --sample "
                      "and --all out.",
                      command, source_));
    }
    network_ = network_from_json(read_file(source_), source_);
    columns_ = {"network"};
    items_.push_back({.fields = {source_}, .candidate = {}, .line = 0});
    return;
  }
  if (selections > 1) {
    throw InputError(fmt::format(
        "assay {}: --candidates, --candidate, --sample and --all exclude each other. Give one of them.",
        command));
  }
  if (selections == 0) {
    throw InputError(fmt::format(
        "assay {}: say which candidates of {} to take, with one of --candidates FILE, --candidate TEXT, "
        "--sample N and --all.",
        command, source_));
  }
  space_ = Space::load(source_);
  if (const auto path = arguments.text("candidates")) {
    read_candidates(*path);
    return;
  }
  for (const Decision& decision : space_->decisions()) columns_.push_back(decision.name);
  if (const auto text = arguments.text("candidate")) {
    add(candidate_from_text(*space_, *text, "--candidate"));
  } else if (arguments.flag("all")) {
    constexpr std::size_t most_digits = 7;
    if (const std::string size = space_->size().digits; size.size() > most_digits) {
      throw InputError(fmt::format("{}: the space has {} candidates, too many for --all. Take --sample N.",
                                   source_, size));
    }
    space_->enumerate([&](const Candidate& candidate) {
      add(candidate);
      return true;
    });
  } else {
    const std::int64_t count = arguments.integer("sample", 1, 100'000'000).value();
    const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
    for (std::int64_t i = 0; i < count; ++i) {
      Random random(seed, Purpose::sample, 0, static_cast<std::uint64_t>(i));
      add(space_->sample(random));
    }
  }
}

void Workload::add(const Candidate& candidate) {
  Item item{.fields = {}, .candidate = candidate, .line = 0};
  const auto decisions = space_->decisions();
  for (std::size_t i = 0; i < decisions.size(); ++i)
    item.fields.push_back(decisions[i].options[candidate.choices[i]]);
  items_.push_back(std::move(item));
}

void Workload::read_candidates(const std::string& path) {
  std::ifstream file;
  if (path != "-") file = open_input(path);
  candidates_source_ = path == "-" ? "standard input" : path;
  CandidateReader reader(*space_, path == "-" ? std::cin : file, candidates_source_);
  columns_ = reader.columns();
  CandidateRow row;
  while (reader.next(row))
    items_.push_back({.fields = cells_of(row), .candidate = row.candidate, .line = row.line});
  if (items_.empty())
    throw InputError(
        fmt::format("{}: the file holds no candidate. Add a row below the header.", candidates_source_));
}

Network Workload::network(const Item& item) const {
  if (network_) return *network_;
  try {
    return space_->decode(*item.candidate);
  } catch (const InputError& error) {
    if (item.line == 0) throw;
    throw InputError(fmt::format("{}:{}: {}", candidates_source_, item.line, error.what()));
  }
}

Table result_table(const Workload& workload, const Output& output, const std::vector<Column>& results) {
  std::set<std::string> taken;
  for (const Column& column : results) taken.insert(column.key);
  Table table;
  for (const std::string& name : workload.columns()) {
    table.columns.push_back({taken.contains(name) ? "input." + name : name,
                             workload.space() != nullptr ? "" : name, Style::text});
  }
  table.columns.insert(table.columns.end(), results.begin(), results.end());
  if (output.format() == Format::table && workload.space() != nullptr)
    table.columns.push_back({"candidate", "candidate", Style::text});
  return table;
}

void add_result(Table& table, const Workload& workload, const Item& item, std::vector<Cell> results) {
  std::vector<Cell> row;
  row.reserve(table.columns.size());
  row.insert(row.end(), item.fields.begin(), item.fields.end());
  std::move(results.begin(), results.end(), std::back_inserter(row));
  if (row.size() < table.columns.size()) row.emplace_back(to_text(*workload.space(), *item.candidate));
  table.rows.push_back(std::move(row));
}

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

// --- estimates and scores
// --------------------------------------------------------------------------------------------

OptionGroup estimator_options() {
  return {"Latency and memory",
          {{"accelerator", "FILE",
            "accelerator file; an estimator is fitted to its cycle model over the space's subgraphs", ""},
           {"estimator", "FILE", "fitted estimator (JSON) instead of --accelerator", ""}}};
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
  return fit_from_networks(hardware, networks());
}

OptionGroup score_options() {
  std::string names;
  for (const ScoreInfo& info : score_registry())
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  const ScoreSettings usual;
  return {
      "Scores",
      {{"scores", "LIST", "comma-separated: " + names, join(usual.scores, ",")},
       {"batch", "N", "images per pass", std::to_string(usual.batch)},
       {"repeats", "N", "independent initialisations, averaged", std::to_string(usual.repeats)},
       {"resolution", "N", "execute networks at no more than N pixels a side; 0 is their own resolution",
        std::to_string(usual.resolution)},
       {"workers", "N", "threads; 0 is one per core. Results do not depend on it", "0"},
       {"max-memory", "MIB",
        "what all threads together may use; a network that needs more is not executed, and says so", ""}}};
}

ScoreSettings score_settings(const Arguments& arguments) {
  ScoreSettings settings;
  settings.scores = arguments.list("scores");
  settings.batch = static_cast<int>(arguments.integer("batch", 1, 65536).value());
  settings.repeats = static_cast<int>(arguments.integer("repeats", 1, 1000).value());
  settings.resolution = static_cast<int>(arguments.integer("resolution", 0, 65536).value());
  settings.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  validate(settings);
  return settings;
}

std::int64_t worker_memory(const Arguments& arguments) {
  const int given = worker_count(arguments);
  const std::int64_t workers = given > 0 ? given : std::max(1u, std::thread::hardware_concurrency());
  if (const auto mib = arguments.integer("max-memory", 1, std::int64_t{1} << 40))
    return *mib * 1024 * 1024 / workers;
  // The rest is for the program itself and for others.
  constexpr double share = 0.8;
  return static_cast<std::int64_t>(share * static_cast<double>(available_memory_bytes())) / workers;
}

int worker_count(const Arguments& arguments) {
  return static_cast<int>(arguments.integer("workers", 0, 1024).value());
}

}  // namespace assay::cli
