// The replicas of the network, one per shard, that learn as one: after every step their parameters and
// running statistics are equal, bit for bit.
#pragma once

#include "assay/train/optimizer.hpp"
#include "assay/train/train.hpp"

#include "team.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace assay {

using Tensors = std::vector<std::vector<float>>;  // plain layout, in the order of Executable::parameters()

class Replicas {
 public:
  // `shard_batch` images per shard. Parameters start at zero: initialise or load.
  Replicas(Team& team, const Network& network, int shard_batch);
  ~Replicas();

  void initialise(Initialisation initialisation, std::uint64_t seed, std::uint64_t fingerprint);
  // Throws InternalError when the sizes are not those of the network.
  void load(const Tensors& parameters, const Tensors& velocities);
  Tensors parameters();
  Tensors velocities();
  // Whether tensors of these sizes are what `load` takes.
  bool fit(const Tensors& parameters, const Tensors& velocities);

  struct Rule {
    double learning_rate = 0, momentum = 0, weight_decay = 0, label_smoothing = 0, gradient_clip = 0;
  };
  // Fills the images and labels of a shard, on its thread.
  using Fill = std::function<void(int shard, std::span<float> images, std::span<std::uint8_t> labels)>;
  struct Outcome {
    double loss = 0;  // before the update
    double gradient_norm = 0;
  };
  // Nothing is updated when loss or norm are not finite.
  Outcome step(const Fill& fill, const Rule& rule);

 private:
  struct Shard {
    std::optional<Executable> executable;
    std::vector<std::uint8_t> labels;
    std::vector<float> output_gradient;
    double loss = 0;
  };
  // A part of a parameter, small enough to share the update out evenly.
  struct Slice {
    std::array<std::span<float>, train_shards> value, gradient;  // gradient: empty for running statistics
    std::span<float> velocity;
    bool decays = false;
    double squares = 0;  // of the averaged gradient
  };

  // Calls job(shard) for each shard, on its thread.
  void for_each_shard(const std::function<void(int shard, Worker& worker)>& job);
  void for_each_slice(const std::function<void(Slice& slice)>& job);
  void make_slices();
  void run_shard(int shard, const Fill& fill, double label_smoothing);

  Team& team_;
  std::array<Shard, train_shards> shards_;
  Tensors velocities_;  // in the runtime's layout
  std::vector<Slice> slices_;
};

// Fraction of the test images whose largest logit is that of their label. Images are shared out over the
// team; the last, smaller batch is counted too.
double test_accuracy(Team& team, const Network& network, const Tensors& parameters, const Dataset& dataset,
                     const ImageTransform& transform);

}  // namespace assay
