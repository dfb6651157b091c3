#include "assay/train/train.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"

#include "checkpoint.hpp"
#include "replicas.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

namespace assay {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw InputError(message);
}

void check_options(const TrainOptions& options, const Dataset& dataset) {
  const auto between = [](double value, double low, double high) { return value >= low && value < high; };
  constexpr double huge = 1e6;
  require(options.epochs >= 1, fmt::format("Training takes at least 1 epoch, not {}.", options.epochs));
  require(options.batch >= train_shards && options.batch % train_shards == 0,
          fmt::format(
              "The batch of a training is halved over two shards: it must be even and at least 2, not {}.",
              options.batch));
  require(
      static_cast<std::size_t>(options.batch) <= dataset.train.size(),
      fmt::format("The training set of {} has {} images, fewer than the batch of {}: choose a smaller batch.",
                  dataset.name, dataset.train.size(), options.batch));
  require(options.learning_rate > 0 && options.learning_rate < huge,
          fmt::format("The learning rate must be above 0, not {}.", options.learning_rate));
  require(between(options.warm_up_epochs, 0, options.epochs),
          fmt::format("The warm-up must take 0 to less than the {} epochs of the training, not {}.",
                      options.epochs, options.warm_up_epochs));
  require(between(options.momentum, 0, 1),
          fmt::format("The momentum must be 0 to less than 1, not {}.", options.momentum));
  require(between(options.weight_decay, 0, huge),
          fmt::format("The weight decay must be 0 or more, not {}.", options.weight_decay));
  require(between(options.label_smoothing, 0, 1),
          fmt::format("The label smoothing must be 0 to less than 1, not {}.", options.label_smoothing));
  require(between(options.gradient_clip, 0, huge),
          fmt::format("The gradient clip must be 0 (none) or more, not {}.", options.gradient_clip));
  const int smaller_side = std::min(dataset.image.height, dataset.image.width);
  require(options.augmentation.crop_padding >= 0 && options.augmentation.crop_padding < smaller_side,
          fmt::format("The crop padding must be 0 to less than the image's side of {} pixels, not {}.",
                      smaller_side, options.augmentation.crop_padding));
  require(options.workers >= 0,
          fmt::format("The number of workers must be 0 (one per core) or more, not {}.", options.workers));
  require(!options.resume || !options.checkpoint.empty(), "To resume a training, name its checkpoint file.");
}

void check_network(const Network& network, const Dataset& dataset) {
  const Shape input = network.input_shape(), output = network.output_shape();
  require(
      input == dataset.image,
      fmt::format(
          "The network \"{}\" takes images of {} x {} x {} (channels, height, width), but those of {} are "
          "{} x {} x {}. Choose a space with that input.",
          network.title(), input.channels, input.height, input.width, dataset.name, dataset.image.channels,
          dataset.image.height, dataset.image.width));
  require(output.height == 1 && output.width == 1 && output.channels >= dataset.classes,
          fmt::format(
              "The output of the network \"{}\" is {} x {} x {}, but {} has {} classes: it needs as many "
              "outputs, 1 x 1 each.",
              network.title(), output.channels, output.height, output.width, dataset.name, dataset.classes));
  require(network.op(network.output()).kind != OpKind::softmax,
          fmt::format(
              "The network \"{}\" ends with a softmax. The training loss applies its own: remove it from the "
              "network.",
              network.title()));
  require(network.op(network.output()).kind != OpKind::outputs,
          fmt::format("The network \"{}\" has several outputs, but the training loss compares one with the "
                      "labels. Leave the others out.",
                      network.title()));
}

int team_size(int workers) {
  const int wanted = workers > 0 ? workers : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted, 1, train_shards);
}

std::uint64_t hash_of(const Tensors& tensors) {
  std::uint64_t hash = 0;
  for (const auto& tensor : tensors) {
    hash = hash_combine(hash, hash_bytes(tensor.data(), tensor.size() * sizeof(float)));
  }
  return hash;
}

// `tensors` as Executable::parameters() has them: a canonical network has no operator without use.
Weights weights_of(const Network& network, Tensors tensors) {
  Weights weights;
  std::size_t next = 0;
  for (OpId id = 0; id < network.size(); ++id) {
    for (const ParameterRole role : parameter_roles(network.op(id))) {
      if (next == tensors.size()) throw InternalError("A training has fewer parameters than its network.");
      weights.push_back({id, role, std::move(tensors[next++])});
    }
  }
  if (next != tensors.size()) throw InternalError("A training has more parameters than its network.");
  return weights;
}

class Training {
 public:
  Training(const Network& network, const Dataset& dataset, const TrainOptions& options,
           const TrainCallbacks& callbacks)
      : network_(canonical(network)),
        fingerprint_(fingerprint(network_)),
        dataset_(dataset),
        options_(options),
        callbacks_(callbacks),
        identity_(identity_of(fingerprint_, dataset, options)),
        transform_(dataset.train, dataset.image),
        steps_per_epoch_(static_cast<std::int64_t>(dataset.train.size()) / options.batch),
        steps_(steps_per_epoch_ * options.epochs),
        schedule_{options.learning_rate, options.warm_up_epochs * static_cast<double>(steps_per_epoch_),
                  steps_},
        team_(team_size(options.workers)),
        replicas_(team_, network_, options.batch / train_shards) {}

  TrainResult run() {
    start();
    while (state_.step < steps_) {
      if (callbacks_.cancelled && callbacks_.cancelled()) {
        save();
        return result(TrainStatus::cancelled);
      }
      if (auto reason = advance(); !reason.empty()) return result(TrainStatus::diverged, std::move(reason));
    }
    return result(TrainStatus::finished);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }
  double seconds() const { return seconds_before_ + seconds_since(began_); }
  std::int64_t epoch() const { return state_.step / steps_per_epoch_; }
  std::int64_t step_of_epoch() const { return state_.step % steps_per_epoch_; }

  void start() {
    const bool resumes = options_.resume && std::filesystem::exists(options_.checkpoint);
    if (resumes) {
      state_ = decode_checkpoint(read_file(options_.checkpoint), options_.checkpoint, identity_);
      const bool fits = state_.step >= 0 && state_.step <= steps_ &&
                        replicas_.fit(state_.parameters, state_.velocities) &&
                        static_cast<std::int64_t>(state_.history.size()) == epoch();
      require(fits, fmt::format(
                        "{}: the checkpoint is damaged: it does not fit the training it names. Delete it to "
                        "train from the start.",
                        options_.checkpoint));
      for (std::size_t i = 0; i < state_.history.size(); ++i) tell_of_epoch(i);
      replicas_.load(state_.parameters, state_.velocities);
      state_.parameters.clear();
      state_.velocities.clear();
    } else {
      replicas_.initialise(options_.initialisation, options_.seed, fingerprint_);
    }
    seconds_before_ = state_.seconds;
    first_step_ = state_.step;
    began_ = saved_ = Clock::now();
    // A path that cannot be written is told now, not after the first epoch.
    if (!resumes) save();
    if (step_of_epoch() != 0) make_order();
  }

  void make_order() {
    order_ = shuffled_order(dataset_.train.size(), options_.seed, fingerprint_,
                            static_cast<std::uint64_t>(epoch()));
  }

  void fill(int shard, std::span<float> images, std::span<std::uint8_t> labels) const {
    const std::size_t image_floats = images.size() / labels.size();
    const std::size_t first = static_cast<std::size_t>(step_of_epoch() * options_.batch) +
                              static_cast<std::size_t>(shard) * labels.size();
    const auto draws_before = static_cast<std::uint64_t>(epoch()) * dataset_.train.size();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::uint32_t index = order_[first + i];
      const Placement placement =
          draw_placement(options_.augmentation, options_.seed, fingerprint_, draws_before + index);
      transform_.write(dataset_.train.image(index), placement,
                       images.subspan(i * image_floats, image_floats));
      labels[i] = dataset_.train.labels[index];
    }
  }

  // One step, and what follows the last one of an epoch. Returns why the training cannot go on, if so.
  std::string advance() {
    if (step_of_epoch() == 0) make_order();
    const double learning_rate = schedule_.at(state_.step);
    const Replicas::Outcome outcome =
        replicas_.step([this](int shard, std::span<float> images,
                              std::span<std::uint8_t> labels) { fill(shard, images, labels); },
                       {learning_rate, options_.momentum, options_.weight_decay, options_.label_smoothing,
                        options_.gradient_clip});
    if (!std::isfinite(outcome.loss) || !std::isfinite(outcome.gradient_norm)) {
      return fmt::format("the {} was not finite in step {} of {} (epoch {}, learning rate {:.3g})",
                         std::isfinite(outcome.loss) ? "gradient" : "loss", state_.step + 1, steps_,
                         epoch() + 1, learning_rate);
    }
    state_.loss_sum += outcome.loss;
    const std::int64_t epoch_now = epoch();
    const double loss = state_.loss_sum / static_cast<double>(step_of_epoch() + 1);
    ++state_.step;
    if (step_of_epoch() == 0) {
      const double accuracy = test_accuracy(team_, network_, replicas_.parameters(), dataset_, transform_);
      state_.history.push_back({loss, accuracy, seconds()});
      state_.loss_sum = 0;
      save();
      tell_of_epoch(state_.history.size() - 1);
    } else if (seconds_since(saved_) >= options_.checkpoint_seconds) {
      save();
    }
    report(static_cast<int>(epoch_now), loss, learning_rate);
    return {};
  }

  void report(int epoch_now, double loss, double learning_rate) const {
    if (!callbacks_.progress) return;
    TrainProgress progress;
    progress.epoch = epoch_now;
    progress.step = state_.step;
    progress.steps = steps_;
    progress.loss = loss;
    progress.learning_rate = learning_rate;
    progress.seconds = seconds();
    const auto images = static_cast<double>((state_.step - first_step_) * options_.batch);
    progress.images_per_second = images / std::max(seconds_since(began_), 1e-9);
    progress.last = state_.history.empty() ? nullptr : &state_.history.back();
    callbacks_.progress(progress);
  }

  void tell_of_epoch(std::size_t index) const {
    if (callbacks_.epoch) callbacks_.epoch(static_cast<int>(index), state_.history[index]);
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    TrainState state = state_;
    state.seconds = seconds();
    state.parameters = replicas_.parameters();
    state.velocities = replicas_.velocities();
    write_file(options_.checkpoint, encode_checkpoint(identity_, state));
    saved_ = Clock::now();
  }

  TrainResult result(TrainStatus status, std::string reason = {}) {
    TrainResult result;
    result.status = status;
    result.reason = std::move(reason);
    result.history = state_.history;
    if (status == TrainStatus::finished) result.test_accuracy = state_.history.back().test_accuracy;
    result.steps = state_.step;
    result.seconds = seconds();
    Tensors parameters = replicas_.parameters();
    result.weights_hash = hash_of(parameters);
    result.weights = weights_of(network_, std::move(parameters));
    result.normalisation.assign(transform_.statistics().begin(), transform_.statistics().end());
    return result;
  }

  const Network network_;
  const std::uint64_t fingerprint_;
  const Dataset& dataset_;
  const TrainOptions& options_;
  const TrainCallbacks& callbacks_;
  const TrainIdentity identity_;
  const ImageTransform transform_;
  const std::int64_t steps_per_epoch_, steps_;
  const CosineSchedule schedule_;
  Team team_;
  Replicas replicas_;

  TrainState state_;  // without tensors: those are in replicas_
  std::vector<std::uint32_t> order_;
  double seconds_before_ = 0;
  std::int64_t first_step_ = 0;
  Clock::time_point began_, saved_;
};

}  // namespace

std::string_view to_string(TrainStatus status) {
  switch (status) {
    case TrainStatus::finished:
      return "finished";
    case TrainStatus::cancelled:
      return "cancelled";
    case TrainStatus::diverged:
      return "diverged";
  }
  throw InternalError("A training has an unknown status.");
}

TrainResult train(const Network& network, const Dataset& dataset, const TrainOptions& options,
                  const TrainCallbacks& callbacks) {
  check_options(options, dataset);
  check_network(network, dataset);
  return Training(network, dataset, options, callbacks).run();
}

Weights checkpoint_weights(const std::string& path, const Network& network) {
  const Network trained = canonical(network);
  TrainState state =
      decode_checkpoint(read_file(path), path, {network_identity(fingerprint(trained))}, Match::network);
  return weights_of(trained, std::move(state.parameters));
}

}  // namespace assay
