#include "assay/base/error.hpp"
#include "assay/base/text.hpp"
#include "assay/space/codec.hpp"
#include "assay/store/run_journal.hpp"
#include "assay/train/train.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "model_file.hpp"
#include "terminal.hpp"
#include "workload.hpp"

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Of the shortlist, best first, counted from 1.
Network network_of_run(const std::string& path, std::int64_t number) {
  const RunJournal journal = RunJournal::open_to_read(path);
  const std::vector<ResultRow> shortlist = journal.shortlist();
  if (number > static_cast<std::int64_t>(shortlist.size())) {
    throw InputError(fmt::format(
        "{}: the shortlist of this run holds {} networks (its state: {}), so there is no number {}. "
        "Give --number 1 to {}, or continue the run.",
        path, shortlist.size(), journal.state(), number, shortlist.size()));
  }
  const std::int64_t index = shortlist[static_cast<std::size_t>(number - 1)].evaluation;
  const auto evaluation = journal.evaluation(index);
  if (!evaluation)
    throw InputError(
        fmt::format("{}: evaluation {} of the shortlist is missing. The journal is damaged.", path, index));
  const Space space = Space::parse(journal.identity().space_text, journal.identity().space_name);
  return space.decode({.choices = evaluation->choices});
}

ModelFile network_of(const Arguments& arguments) {
  const auto run = arguments.text("run");
  if (run) {
    if (!arguments.positionals().empty())
      throw InputError("assay export: --run and a space or model file exclude each other. Give one of them.");
    return {.network = network_of_run(*run, arguments.integer("number", 1, 1'000'000).value()),
            .weights = {},
            .notes = {}};
  }
  if (arguments.given("number"))
    throw InputError("assay export: --number counts the shortlist of a run. Add --run JOURNAL.");
  if (!arguments.positionals().empty() && is_model_file(arguments.positionals()[0]))
    return load_model(arguments.positionals()[0], model_settings(arguments));
  Workload workload(arguments);
  const std::vector<Item> items = workload.all();
  if (items.size() != 1) {
    throw InputError(fmt::format(
        "assay export: {} candidates were selected, but one network is written. Give --candidate TEXT.",
        items.size()));
  }
  return {.network = workload.network(items[0]), .weights = {}, .notes = {}};
}

int run(const Arguments& arguments) {
  const Output output(arguments);
  ModelFile model = network_of(arguments);
  const bool onnx = output.path().ends_with(".onnx");
  for (const char* option : {"opset", "checkpoint", "initialisation"}) {
    if (!onnx && arguments.given(option)) {
      throw InputError(fmt::format(
          "assay export: --{} is for ONNX; network JSON holds no weights. Give --out FILE.onnx.", option));
    }
  }
  OnnxSettings settings;
  settings.opset = static_cast<int>(arguments.integer("opset", 1, 1000).value());
  settings.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  const std::string initialisation = arguments.required_text("initialisation");
  const auto known = initialisation_from(initialisation);
  if (!known) {
    throw InputError(fmt::format("assay export: --initialisation is \"{}\".{}", initialisation,
                                 suggestion(initialisation, initialisation_names())));
  }
  settings.initialisation = *known;
  if (const auto checkpoint = arguments.text("checkpoint")) {
    model.weights = checkpoint_weights(*checkpoint, model.network);
    model.network = canonical(model.network);
    model.metadata.clear();
    if (!output.quiet()) {
      note(
          "A checkpoint does not say how its images were normalised, so the ONNX file does not either; "
          "assay train --save-model writes one that does.");
    }
  }
  if (model.weights && arguments.given("initialisation")) {
    throw InputError(
        "assay export: --initialisation is for random weights, but this model has weights. Leave it out.");
  }
  write_model(output.path(), model, settings);
  return 0;
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .summary = "a candidate, a model or a run's winner as ONNX or network JSON",
          .positionals = "SPACE.toml | MODEL",
          .max_positionals = 1,
          .description =
              "Writes one network. The name given with --out decides: FILE.onnx holds weights, too (those of "
              "the model "
              "or\n"
              "--checkpoint, else random ones), opens in onnxruntime, and names its parameters as PyTorch "
              "does; anything "
              "else\n"
              "is the operator graph as JSON. All commands that take a model read both. The trained networks "
              "of a "
              "search are\n"
              "written by search --train DATASET --save-models FOLDER.",
          .groups = {input_options(),
                     model_options(),
                     {"The winner of a run",
                      {{"run", "JOURNAL", "the journal of a search", ""},
                       {"number", "N", "which network of its shortlist, best first", "1"}}},
                     {"ONNX",
                      {{"opset", "14|15|16|17", "operator set", "17"},
                       {"checkpoint", "FILE", "trained weights, from train --checkpoint FILE", ""},
                       {"initialisation", "NAME", "of random weights: " + join(initialisation_names(), ", "),
                        "pytorch_default", initialisation_names()}}},
                     output_options()},
          .example =
              "  assay export spaces/nasbench201.toml --candidate \"cell.edge_0_1=conv3x3 ...\" --out "
              "network.onnx\n"
              "  assay export --run runs/ibn_fashion-1.journal --number 2 --out second.onnx\n"
              "  assay export model.onnx --out model.json",
          .run = run};
}

}  // namespace assay::cli
