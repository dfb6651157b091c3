#include "chosen_network.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/network/executed.hpp"

#include "common.hpp"
#include "model_file.hpp"
#include "separate_files.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code none;
  return fs::is_regular_file(path, none);
}

// "3", "e17", "baseline": names of entries of a run.
bool is_entry_name(std::string_view name) {
  if (name == "baseline") return true;
  if (name.starts_with('e')) name.remove_prefix(1);
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

NetworkChooser::NetworkChooser(const Arguments& arguments) : arguments_(arguments) {
  if (const auto path = arguments.text("run")) run_ = run_of(*path);
  if (const auto path = arguments.text("space")) {
    set_space(*path);
  } else if (run_ && run_->space) {
    space_ = {run_, &*run_->space};
  }
}

void NetworkChooser::set_space(const std::string& path) {
  space_ = std::make_shared<const Space>(Space::load(path));
}

std::shared_ptr<const RecordedRun> NetworkChooser::run_of(const std::string& path) {
  std::shared_ptr<const RecordedRun>& run = runs_[path];
  if (!run) {
    require_separate_files(arguments_, "a name of a network", std::vector{path});
    run = std::make_shared<const RecordedRun>(path);
    if (!arguments_.flag("quiet"))
      for (const std::string& text : run->notes) note(text);
  }
  return run;
}

ChosenNetwork NetworkChooser::entry(const std::string& label, std::shared_ptr<const RecordedRun> run,
                                    const std::string& name) {
  if (!run->space)
    throw InputError(
        fmt::format("{}: none of its networks can be built. {}", run->journal.path(), join(run->notes, " ")));
  const std::int64_t evaluation = run->evaluation_of(name);
  Candidate candidate{run->row(evaluation).choices};
  Network network = executed(run->space->decode(candidate));
  return {.label = label,
          .network = std::move(network),
          .candidate = std::move(candidate),
          .space = {run, &*run->space},
          .run = run,
          .evaluation = evaluation};
}

ChosenNetwork NetworkChooser::operator()(const std::string& name) {
  if (is_model_file(name)) {
    ModelSettings settings = model_settings(arguments_);
    settings.weights = false;
    ModelFile model = load_model(name, settings);
    if (!arguments_.flag("quiet"))
      for (const std::string& text : model.notes) note(text);
    return {.label = name,
            .network = executed(std::move(model.network)),
            .candidate = {},
            .space = space_,
            .run = nullptr};
  }
  if (const std::size_t colon = name.rfind(':');
      colon != std::string::npos && colon > 0 && is_entry_name(std::string_view(name).substr(colon + 1)))
    return entry(name, run_of(name.substr(0, colon)), name.substr(colon + 1));
  if (run_ && is_entry_name(name)) return entry(fmt::format("{}:{}", run_->journal.path(), name), run_, name);
  if (is_file(name)) {
    if (name.ends_with(".toml"))
      throw InputError(fmt::format(
          "{}: a space is no network. Name one of its candidates: --space {} \"...\".", name, name));
    return entry(name, run_of(name), "1");
  }
  if (name.find('=') == std::string::npos || !space_) {
    throw InputError(fmt::format(
        "assay {}: \"{}\" names no network: it is no file, no entry of a run, no candidate. Give a model "
        "file (.onnx, .json), an entry of a run "
        "(RUN.journal:3, RUN.journal:e17, RUN.journal:baseline), or a candidate as text with --space "
        "SPACE.toml.",
        arguments_.command_name(), name));
  }
  Candidate candidate = space_->normalised(candidate_from_text(*space_, name, arguments_.command_name()));
  if (const std::string broken = space_->violated_constraint(candidate); !broken.empty())
    throw InputError(fmt::format("The candidate breaks a constraint of {}: {}.", space_->name(), broken));
  Network network = executed(space_->decode(candidate));
  return {.label = name,
          .network = std::move(network),
          .candidate = std::move(candidate),
          .space = space_,
          .run = nullptr};
}

std::vector<OptionSpec> chooser_options() {
  return {{"space", "SPACE.toml", "what candidates given as text are of", ""},
          {"run", "RUN.journal", "the run whose entries are named without it, and whose space it is", ""}};
}

std::optional<Estimator> estimator_for(const Arguments& arguments,
                                       const std::vector<ChosenNetwork>& networks) {
  std::function<std::vector<Network>()> sample;
  for (const ChosenNetwork& chosen : networks) {
    if (chosen.space && !sample) sample = [&chosen] { return sample_networks(*chosen.space, 300); };
  }
  if (auto given = make_estimator(arguments, sample)) return given;
  for (const ChosenNetwork& chosen : networks)
    if (chosen.run && chosen.run->estimator) return chosen.run->estimator;
  return std::nullopt;
}

}  // namespace assay::cli
