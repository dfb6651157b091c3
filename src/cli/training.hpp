// Training as both `train` and `search --train` do it.
#pragma once

#include "assay/data/dataset.hpp"
#include "assay/train/train.hpp"

#include "arguments.hpp"
#include "model_file.hpp"

#include <functional>
#include <string>

namespace assay::cli {

OptionGroup training_options();
// --epochs, --train-batch, --learning-rate, --workers, --seed.
TrainOptions train_options(const Arguments& arguments);

// One of several networks that are trained one after the other.
struct TrainingTurn {
  std::string title = {};  // "training 2 of 5"
  int network = 1;         // 1-based
  int networks = 1;
};
// Trains with progress on standard error. Ends early when an interrupt was requested. `on_epoch` is
// TrainCallbacks::epoch.
TrainResult train_with_progress(const Network& network, const Dataset& dataset, const TrainOptions& options,
                                const TrainingTurn& turn,
                                const std::function<void(int, const EpochRecord&)>& on_epoch = {});

// What a network that was trained needs to be told with: "input_mean" and "input_std", per channel, as
// PyTorch's transforms.Normalize takes them, and the accuracy it reached. `network` is what was trained.
ModelFile trained_model(const Network& network, const TrainResult& result);

}  // namespace assay::cli
