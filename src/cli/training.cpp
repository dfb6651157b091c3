#include "training.hpp"

#include "assay/base/text.hpp"
#include "assay/report/table.hpp"

#include "interrupt.hpp"
#include "progress_display.hpp"
#include "wording.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace assay::cli {

OptionGroup training_options() {
  const TrainOptions usual;
  return {"Training",
          {{"epochs", "N", "passes over the training set", std::to_string(usual.epochs)},
           {"train-batch", "N", "images per update, even", std::to_string(usual.batch)},
           {"learning-rate", "RATE", "peak of the cosine schedule", exact_number(usual.learning_rate)},
           {"weight-decay", "RATE", "on weights of convolutions and linear operators",
            exact_number(usual.weight_decay)},
           {"label-smoothing", "SHARE", "of the target spread over all classes",
            exact_number(usual.label_smoothing)},
           {"crop-padding", "PIXELS", "random crops after padding by this much",
            std::to_string(usual.augmentation.crop_padding)},
           {"no-flip", "", "do not mirror images at random", ""}}};
}

TrainOptions train_options(const Arguments& arguments) {
  TrainOptions options;
  options.epochs = static_cast<int>(arguments.integer("epochs", 1, 100000).value());
  options.batch = static_cast<int>(arguments.integer("train-batch", 2, 65536).value());
  options.learning_rate = arguments.number("learning-rate", 1e-9, 1e3).value();
  options.weight_decay = arguments.number("weight-decay", 0, 1).value();
  options.label_smoothing = arguments.number("label-smoothing", 0, 0.999).value();
  options.augmentation.crop_padding = static_cast<int>(arguments.integer("crop-padding", 0, 1024).value());
  if (arguments.flag("no-flip")) options.augmentation.flip = false;
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 0, INT64_MAX).value());
  options.workers =
      static_cast<int>(std::min<std::int64_t>(arguments.integer("workers", 0, 1024).value(), train_shards));
  return options;
}

ModelFile trained_model(const Network& network, const TrainResult& result) {
  const auto list = [&](double ImageTransform::Statistics::*value) {
    std::vector<std::string> texts;
    for (const ImageTransform::Statistics& channel : result.normalisation)
      texts.push_back(fmt::format("{:.6g}", channel.*value));
    return join(texts, ", ");
  };
  ModelFile model{.network = canonical(network),
                  .weights = result.weights,
                  .notes = {},
                  .metadata = {{"input_mean", list(&ImageTransform::Statistics::mean)},
                               {"input_std", list(&ImageTransform::Statistics::deviation)}}};
  if (result.test_accuracy) model.metadata.emplace_back("test_accuracy", exact_number(*result.test_accuracy));
  return model;
}

namespace {

ProgressState progress_of(const TrainingTurn& turn, const TrainOptions& options) {
  ProgressState state{.phase = "train", .title = turn.title, .unit = "updates"};
  state.fields = {{"network", turn.network}, {"networks", turn.networks}, {"epochs", options.epochs}};
  return state;
}

void add_details(ProgressState& state, const TrainProgress& p, const TrainOptions& options) {
  state.done = p.step;
  state.total = p.steps;
  std::string text = fmt::format("epoch {} of {}   loss {:.3f}", p.epoch + 1, options.epochs, p.loss);
  state.fields["epoch"] = p.epoch + 1;
  state.fields["loss"] = p.loss;
  state.fields["test_accuracy_percent"] = nullptr;
  if (p.last != nullptr) {
    text += fmt::format("   test accuracy {:.2f} %", 100 * p.last->test_accuracy);
    state.fields["test_accuracy_percent"] = percent(p.last->test_accuracy);
  }
  text += fmt::format("   {} images/s", grouped(std::llround(p.images_per_second)));
  state.fields["images_per_second"] = std::round(p.images_per_second);
  state.details.push_back(std::move(text));
}

}  // namespace

TrainResult train_with_progress(const Network& network, const Dataset& dataset, const TrainOptions& options,
                                const TrainingTurn& turn,
                                const std::function<void(int, const EpochRecord&)>& on_epoch) {
  ProgressDisplay display(progress_of(turn, options));
  std::int64_t known = -1;  // steps that a checkpoint knows
  const auto progress = [&](const TrainProgress& p) {
    if (known < 0) known = p.step - 1;
    display.advance(p.step);
    if (!display.due() && p.step < p.steps) return;
    ProgressState state = progress_of(turn, options);
    state.known = known;
    add_details(state, p, options);
    display.show(std::move(state));
  };
  return train(network, dataset, options,
               {.progress = progress, .cancelled = InterruptGuard::requested, .epoch = on_epoch});
}

}  // namespace assay::cli
