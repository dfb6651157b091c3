#include "workload.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/space/codec.hpp"

#include "model_file.hpp"
#include "terminal.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// What the file holds, with the types it has there.
std::vector<Cell> cells_of(const CandidateRow& row) {
  std::vector<Cell> cells;
  cells.reserve(row.fields.size());
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

OptionGroup input_options() {
  return {"Candidates of a space",
          {{"candidates", "FILE",
            "CSV with one column per decision, JSON lines or a JSON array with one key per decision; - reads "
            "standard input",
            ""},
           {"candidate", "TEXT", "one candidate, \"stage1.kernel=3 stage1.depth=2 ...\"", ""},
           {"sample", "N", "N random candidates", ""},
           {"all", "", "every candidate of the space", ""},
           {"seed", "N", "seed of everything random", "1"}}};
}

struct Workload::CandidateFile {
  std::string path;  // "-": standard input
  std::string name;  // in messages
  std::ifstream stream;
  double bytes = 0;  // 0: not known, it can be read only once
  std::optional<CandidateReader> reader;
  CandidateRow row;

  CandidateFile(const Space& space, std::string given)
      : path(std::move(given)), name(path == "-" ? "standard input" : path) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored))
      bytes = static_cast<double>(std::filesystem::file_size(path, ignored));
    open(space);
  }

  void open(const Space& space) {
    if (path != "-") stream = open_input(path);
    reader.emplace(space, path == "-" ? std::cin : stream, name);
  }

  bool read(Item& item) {
    if (!reader->next(row)) return false;
    item = {.fields = cells_of(row), .candidate = row.candidate, .line = row.line};
    return true;
  }
};

Workload::Workload(const Arguments& arguments) {
  const std::string command = arguments.command_name();
  if (arguments.positionals().empty()) {
    throw InputError(fmt::format(
        "assay {}: name a space file (.toml) or a model file (.onnx, .json). See: assay {} --help", command,
        command));
  }
  source_ = arguments.positionals()[0];
  const int selections = arguments.flag("candidates") + arguments.flag("candidate") +
                         arguments.flag("sample") + arguments.flag("all");
  if (is_model_file(source_)) {
    if (selections > 0) {
      throw InputError(
          fmt::format("assay {}: {} is one network, not a space. Leave --candidates, --candidate, --sample "
                      "and --all out.",
                      command, source_));
    }
    ModelSettings settings = model_settings(arguments);
    settings.weights = false;
    ModelFile model = load_model(source_, settings);
    if (!arguments.flag("quiet")) {
      for (const std::string& text : model.notes) note(text);
    }
    gaps_ = std::move(model.gaps);
    network_ = std::move(model.network);
    columns_ = {"network"};
    count_ = 1;
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
    file_ = std::make_unique<CandidateFile>(*space_, *path);
    columns_ = file_->reader->columns();
    return;
  }
  for (const Decision& decision : space_->decisions()) columns_.push_back(decision.name);
  if (const auto text = arguments.text("candidate")) {
    candidate_ = [only = candidate_from_text(*space_, *text, "--candidate")](std::int64_t) { return only; };
    count_ = 1;
  } else if (arguments.flag("all")) {
    constexpr std::size_t most_digits = 7;
    const std::string size = space_->size().digits;
    if (size.size() > most_digits) {
      throw InputError(fmt::format("{}: the space has {} candidates, too many for --all. Take --sample N.",
                                   source_, size));
    }
    candidate_ = [this, last = std::optional<Candidate>()](std::int64_t i) mutable {
      return last = i == 0 ? space_->first() : space_->next(*last);
    };
    count_ = std::stoll(size);
  } else {
    count_ = arguments.integer("sample", 1, 100'000'000).value();
    const auto seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
    candidate_ = [this, seed](std::int64_t i) {
      Random random(seed, Purpose::sample, 0, static_cast<std::uint64_t>(i));
      return space_->sample(random);
    };
  }
}

Workload::~Workload() = default;

void Workload::check() {
  if (file_ == nullptr || file_->bytes == 0) return;
  Item item;
  while (file_->read(item)) continue;
  file_->open(*space_);
}

bool Workload::next_item(Item& item) {
  if (file_ != nullptr) {
    if (file_->read(item)) return true;
    if (taken_ == 0)
      throw InputError(
          fmt::format("{}: the file holds no candidate. Add a row below the header.", file_->name));
    return false;
  }
  if (taken_ == count_) return false;
  if (network_) {
    item = {.fields = {source_}, .candidate = {}, .line = 0};
    return true;
  }
  item = {.fields = {}, .candidate = candidate_(taken_), .line = 0};
  if (!item.candidate) return false;
  const auto decisions = space_->decisions();
  item.fields.reserve(decisions.size());
  for (std::size_t i = 0; i < decisions.size(); ++i)
    item.fields.emplace_back(decisions[i].options[item.candidate->choices[i]]);
  return true;
}

std::vector<Item> Workload::next(std::size_t count) {
  std::vector<Item> items;
  Item item;
  while (items.size() < count && next_item(item)) {
    items.push_back(std::move(item));
    ++taken_;
  }
  return items;
}

std::vector<Item> Workload::all() {
  return next(std::numeric_limits<std::size_t>::max());
}

std::optional<std::int64_t> Workload::total() const {
  if (file_ != nullptr) return std::nullopt;
  return count_;
}

double Workload::share() const {
  if (file_ == nullptr) return static_cast<double>(taken_) / static_cast<double>(count_);
  if (file_->bytes == 0) return -1;
  const auto position = static_cast<double>(file_->stream.tellg());  // -1 at the end
  return position < 0 ? 1 : position / file_->bytes;
}

Network Workload::network(const Item& item) const {
  if (network_) return *network_;
  try {
    return space_->decode(*item.candidate);
  } catch (const InputError& error) {
    if (item.line == 0) throw;
    throw InputError(fmt::format("{}:{}: {}", file_->name, item.line, error.what()));
  }
}

}  // namespace assay::cli
