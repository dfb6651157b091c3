// One network in one pass: compiled, initialised, run forward and backward as the conditions ask, its probes
// watching.
#pragma once

#include "assay/runtime/runtime.hpp"

#include "frozen_activations.hpp"
#include "plan.hpp"

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace assay {

// Random inputs are the same for every network of a shape: drawn once. Thread-safe.
class InputCache {
 public:
  using Batch = std::shared_ptr<const std::vector<float>>;
  // N(0, 1), plain NCHW; the `index`th of the batches of that purpose.
  Batch get(std::uint64_t seed, Purpose purpose, std::uint64_t index, Shape shape, int batch);

 private:
  // Seed, purpose, index, batch, channels, height, width.
  using Key = std::array<std::uint64_t, 7>;
  std::mutex mutex_;
  std::map<Key, Batch> batches_;
  std::size_t floats_ = 0;  // of all batches
};

// The operators that a pass taps, and the probes that watch each.
class Watchers {
 public:
  void add(Probe* probe, const std::vector<OpId>& ops);
  const std::vector<OpId>& ops() const { return ops_; }
  // Empty for operators that nobody watches.
  std::span<Probe* const> of(OpId op) const;

 private:
  std::vector<OpId> ops_;  // sorted, distinct
  std::vector<std::vector<Probe*>> probes_;
};

class PassRun {
 public:
  // `network` is canonical; the pass rewrites it as its conditions ask. `batch` is the settings' number of
  // images, which the conditions may lower.
  PassRun(const Pass& pass, const Network& network, int batch, std::uint64_t seed, std::uint64_t fingerprint,
          const std::stop_token& stop);
  PassRun(const PassRun&) = delete;
  PassRun& operator=(const PassRun&) = delete;

  // Throws InputError when the network cannot be executed, and Cancelled.
  void run(Worker& worker, InputCache& inputs);
  const Probe& probe(std::size_t index) const { return *probes_[index]; }

 private:
  void set_weights(Executable& executable, float factor) const;
  void set_input(Executable& executable, InputCache& inputs, std::uint64_t index) const;
  void run_batch(Executable& executable, InputCache& inputs, std::uint64_t index);
  void forward(Executable& executable);
  void backward(Executable& executable, std::uint64_t index);
  void backward_from(Executable& executable, std::span<const float> seed);

  ScoreConditions conditions_;
  Network network_;
  std::vector<OpId> blocks_;
  FeatureCovariance covariance_;
  PassContext context_;
  std::uint64_t fingerprint_;
  std::vector<std::unique_ptr<Probe>> probes_;
  Watchers forward_, gradient_;
  std::optional<FrozenActivations> frozen_;  // with rescaled weights
};

}  // namespace assay
