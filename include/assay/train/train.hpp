// Trains one network on one data set: the last step for the few candidates that deserve it.
//
// Data parallel over two shards: each batch is halved, each half runs forward and backward in a replica of
// its own with its own batch-norm statistics (ghost batch norm, Hoffer et al. 2017, "Train longer, generalize
// better"), and gradients and running statistics are averaged after every step. The number of shards is
// fixed, so one worker (both shards in turn) and two workers give the same bits.
#pragma once

#include "assay/data/batch.hpp"
#include "assay/data/dataset.hpp"
#include "assay/network/network.hpp"
#include "assay/runtime/runtime.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace assay {

inline constexpr int train_shards = 2;

struct TrainOptions {
  // The recipe: everything here decides the result, and a checkpoint of another recipe is refused. The
  // defaults suit a few epochs of a small network on Fashion-MNIST (4 million MACs, 90 thousand parameters:
  // above 91.5 % after four, 92 % after six); more epochs want crop_padding as well, which only costs in so
  // few.
  int epochs = 5;
  int batch = 64;  // images per update, over both shards: even; what is left at an epoch's end is not used
  double learning_rate = 0.1;  // the peak: warm-up leads to it, the cosine from it to 0
  double warm_up_epochs = 0.5;
  double momentum = 0.9;
  double weight_decay = 1e-3;  // on weights of convolutions and linear operators only
  double label_smoothing = 0.05;
  double gradient_clip = 0;  // largest Euclidean norm of the whole gradient; 0: any
  Augmentation augmentation{.crop_padding = 0, .flip = true};
  Initialisation initialisation = Initialisation::kaiming_normal_fan_out;
  std::uint64_t seed = 1;

  // How it is run: nothing here changes the result.
  int workers = 0;                 // threads, 1 or 2; 0: one per core, at most 2
  std::string checkpoint;          // file; empty: none
  bool resume = false;             // continue from `checkpoint` if that file exists; else it is overwritten
  double checkpoint_seconds = 20;  // between checkpoints within an epoch; each epoch ends with one too
};

struct EpochRecord {
  double train_loss = 0;     // mean over the epoch's batches, label smoothing included
  double test_accuracy = 0;  // top-1 on the whole test set with running statistics, 0 to 1
  double seconds = 0;        // since the training's start, time before a resumption included

  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

struct TrainProgress {
  int epoch = 0;  // 0-based
  std::int64_t step = 0, steps = 0;
  double loss = 0;  // mean over the epoch so far
  double learning_rate = 0;
  double seconds = 0;
  double images_per_second = 0;       // since this run started, evaluation included
  const EpochRecord* last = nullptr;  // the last finished epoch, if any
};

struct TrainCallbacks {
  std::function<void(const TrainProgress&)> progress;  // after every step, on the caller's thread: be quick
  std::function<bool()> cancelled;                     // asked before every step
  // After every epoch, once its checkpoint is written; a training that goes on from one begins with the
  // epochs that it holds.
  std::function<void(int epoch, const EpochRecord&)> epoch;
};

enum class TrainStatus : std::uint8_t {
  finished,
  cancelled,  // a checkpoint was left, if there is a file for it
  diverged,   // loss or gradient were not finite
};
std::string_view to_string(TrainStatus status);

struct TrainResult {
  TrainStatus status = TrainStatus::finished;
  std::string reason;                   // of `diverged`, with the step
  std::vector<EpochRecord> history;     // finished epochs
  std::optional<double> test_accuracy;  // after the last epoch; only of a finished training
  std::int64_t steps = 0;
  double seconds = 0;
  std::uint64_t weights_hash = 0;  // of all parameters and running statistics as they are now
  Weights weights;                 // these, of canonical(network)
  std::vector<ImageTransform::Statistics> normalisation;  // of the images that the network was shown
};

// Trains canonical(network), whose output must be logits {classes or more, 1, 1}.
//
// Throws InputError when network, data set and options do not fit together, or when the checkpoint to resume
// from is damaged or belongs to another network, data set or recipe.
TrainResult train(const Network& network, const Dataset& dataset, const TrainOptions& options,
                  const TrainCallbacks& callbacks = {});

// The weights of canonical(network) in a checkpoint of its training, finished or not. Throws InputError when
// the file is damaged, or of another network.
Weights checkpoint_weights(const std::string& path, const Network& network);

}  // namespace assay
