#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "interrupt.hpp"
#include "model_file.hpp"
#include "result_writer.hpp"
#include "terminal.hpp"
#include "training.hpp"
#include "workload.hpp"

#include <filesystem>

#include <fmt/format.h>

namespace assay::cli {
namespace {

int run(const Arguments& arguments) {
  const Output output(arguments);
  TrainOptions options = train_options(arguments);
  const std::string dataset_name = arguments.required_text("data");
  Workload workload(arguments);
  std::vector<Item> items = workload.all();
  const auto checkpoint = arguments.text("checkpoint");
  if (checkpoint && items.size() > 1) {
    throw InputError(fmt::format(
        "assay train: --checkpoint holds one network, but {} were selected. Train them one by one.",
        items.size()));
  }
  const auto model = arguments.text("save-model");
  if (model && items.size() > 1) {
    throw InputError(fmt::format(
        "assay train: --save-model holds one network, but {} were selected. Train them one by one.",
        items.size()));
  }
  if (model && !model->ends_with(".onnx")) {
    throw InputError(fmt::format(
        "assay train: --save-model {} would lose the weights. Give it a name that ends with .onnx.", *model));
  }
  if (model) require_onnx();
  options.checkpoint = checkpoint.value_or("");
  options.resume = arguments.flag("resume");
  if (options.resume && !checkpoint)
    throw InputError("assay train: --resume needs --checkpoint FILE to continue from.");
  if (options.resume && !std::filesystem::exists(*checkpoint)) {
    throw InputError(fmt::format("{}: there is no checkpoint to continue from. Leave --resume out to begin.",
                                 *checkpoint));
  }

  if (checkpoint && !options.resume && std::filesystem::exists(*checkpoint)) {
    throw InputError(fmt::format(
        "{}: the file exists already. Continue that training with --resume, or name another file.",
        *checkpoint));
  }

  const Dataset dataset = load_dataset(dataset_name);
  const InterruptGuard guard;
  RowWriter writer(output, result_columns(workload, output,
                                          {{"test_accuracy_percent", "test accuracy", Style::percent},
                                           {"train_loss", "training loss", Style::number},
                                           {"params", "params", Style::count},
                                           {"macs", "MACs", Style::count},
                                           {"seconds", "time", Style::duration},
                                           {"status", "status", Style::text}}));
  for (std::size_t i = 0; i < items.size() && !InterruptGuard::requested(); ++i) {
    Item& item = items[i];
    const Network network = workload.network(item);
    const TrainResult result = train_with_progress(
        network, dataset, options,
        {.title = items.size() == 1 ? "training" : fmt::format("training {} of {}", i + 1, items.size()),
         .network = static_cast<int>(i + 1),
         .networks = static_cast<int>(items.size())});
    if (model && result.status == TrainStatus::finished) write_model(*model, trained_model(network, result));
    writer.add(result_row(workload, output, own_cells(workload, output, item),
                          {result.test_accuracy ? Cell(percent(*result.test_accuracy)) : Cell(),
                           result.history.empty() ? Cell() : Cell(result.history.back().train_loss),
                           network.parameters(), network.macs(), result.seconds,
                           result.reason.empty() ? std::string(to_string(result.status)) : result.reason}));
    if (!output.quiet()) {
      for (std::size_t epoch = 0; epoch < result.history.size(); ++epoch) {
        const EpochRecord& record = result.history[epoch];
        note(fmt::format("network {}: epoch {}  training loss {:.4f}  test accuracy {:.2f} %  {}", i + 1,
                         epoch + 1, record.train_loss, 100 * record.test_accuracy,
                         human_duration(record.seconds)));
      }
    }
  }
  writer.close();
  return InterruptGuard::exit_code();
}

}  // namespace

Command train_command() {
  return {
      .name = "train",
      .summary = "train candidates or one network on an image data set",
      .positionals = "SPACE.toml | MODEL.onnx | NETWORK.json",
      .max_positionals = 1,
      .description =
          "SGD with Nesterov momentum, cosine schedule with warm-up, on both cores. Data sets: fashion-mnist "
          "(Debian's\n"
          "dataset-fashion-mnist), cifar-10, or a directory with IDX files or CIFAR-10 binary batches.",
      .groups = {{"Data", {{"data", "fashion-mnist|cifar-10|FOLDER", "what to train on", ""}}},
                 input_options(),
                 model_options(),
                 training_options(),
                 {"Running",
                  {{"workers", "N", "threads, at most 2; 0 is one per core. Results do not depend on it",
                    "0"},
                   {"checkpoint", "FILE", "where the state of one training is kept", ""},
                   {"resume", "", "continue from --checkpoint", ""},
                   {"save-model", "FILE.onnx", "keep the trained network", ""}}},
                 output_options()},
      .example =
          "  assay train spaces/ibn_fashion.toml --sample 1 --data fashion-mnist --epochs 2\n"
          "  assay train network.json --data ~/cifar-10 --epochs 20 --checkpoint network.checkpoint",
      .run = run};
}

}  // namespace assay::cli
