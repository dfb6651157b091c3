// Training as both `train` and `search --train` do it.
#pragma once

#include "assay/data/dataset.hpp"
#include "assay/train/train.hpp"

#include "arguments.hpp"

#include <string>

namespace assay::cli {

OptionGroup training_options();
// --epochs, --train-batch, --learning-rate, --workers, --seed.
TrainOptions train_options(const Arguments& arguments);

// Trains with progress on standard error; `label` says what, "network 2 of 5". Ends early when an interrupt
// was requested.
TrainResult train_with_progress(const Network& network, const Dataset& dataset, const TrainOptions& options,
                                const std::string& label, bool quiet);

}  // namespace assay::cli
