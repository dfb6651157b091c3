#include "training.hpp"

#include "assay/base/text.hpp"

#include "interrupt.hpp"
#include "terminal.hpp"

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

TrainResult train_with_progress(const Network& network, const Dataset& dataset, const TrainOptions& options,
                                const std::string& label, bool quiet) {
  ProgressLine line(quiet);
  const auto progress = [&](const TrainProgress& p) {
    if (!line.due()) return;
    const double done = static_cast<double>(p.step) / static_cast<double>(p.steps);
    line.show(
        done,
        fmt::format(
            "{}: epoch {}/{}  loss {:.3f}{}  {:.0f} images/s  {} left", label, p.epoch + 1, options.epochs,
            p.loss,
            p.last != nullptr ? fmt::format("  last accuracy {:.2f} %", 100 * p.last->test_accuracy) : "",
            p.images_per_second, human_duration(done > 0 ? p.seconds * (1 - done) / done : 0)));
  };
  return train(network, dataset, options, {.progress = progress, .cancelled = InterruptGuard::requested});
}

}  // namespace assay::cli
