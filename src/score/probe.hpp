// How a score is put together: a probe watches a pass and gathers raw numbers; a score is its registry entry,
// the probe it needs and a function that reads its value off the probe. Scores with the same probe share it.
#pragma once

#include "assay/score/score.hpp"

#include "feature_covariance.hpp"

#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

namespace assay {

// A value, or the reason why there is none (one of those that ScoreRecord::status documents).
struct ScoreOutcome {
  double value = 0;
  std::string_view reason;

  static ScoreOutcome failed(std::string_view why) { return {std::numeric_limits<double>::quiet_NaN(), why}; }
};

// What ScoreConditions::rescaled multiplies weights with: 1 + and 1 - this.
inline constexpr float weight_step = 0x1p-10f;
// Backward passes of BackwardSeed::sampled_labels.
inline constexpr int label_draws = 8;
// Backward passes of BackwardSeed::each_image are one an image: its scores see no more images than these.
inline constexpr int most_single_images = 16;

// One network in one pass.
struct PassContext {
  const Network& network;        // as executed: canonical, rewritten as the conditions ask
  std::span<const OpId> blocks;  // distinct block outputs in execution order
  int batch = 0;
  std::uint64_t seed = 0;  // of this repeat
  // Natural logarithm of (input scale x output gradient scale). Only passes of the linearised network are
  // scaled; set before the backward pass.
  double log_scale = 0;
  std::stop_token stop = {};
  FeatureCovariance& covariance;  // of what probes are shown
};

// Watches one pass. Taps are called for the declared operators only, from the thread of the pass.
class Probe {
 public:
  explicit Probe(const PassContext& context) : context_(context) {}
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Whether it can be shown some images at a time (CompileOptions::piecewise_taps): faster, if all probes of
  // a pass can.
  virtual bool takes_pieces() const { return false; }
  virtual std::vector<OpId> forward_taps() const { return {}; }
  virtual std::vector<OpId> gradient_taps() const { return {}; }
  virtual void see_output(OpId, const TensorView&) {}
  // What it leaves in the gradient is what flows on.
  virtual void see_gradient(OpId, TensorView&) {}
  // After each pass. Where the conditions ask for several, their order is, outermost first: input batches;
  // rescaled weights, larger then smaller; the input, then perturbed; images, or draws of labels.
  virtual void after_forward(Executable&) {}
  virtual void after_backward(Executable&) {}

 protected:
  // For the loops of what takes longer than an operator.
  void check_stop() const {
    if (context_.stop.stop_requested()) throw Cancelled();
  }

  const PassContext& context_;
};

using MakeProbe = std::unique_ptr<Probe> (*)(const PassContext&);

template <class T>
std::unique_ptr<Probe> make_probe(const PassContext& context) {
  return std::make_unique<T>(context);
}

// One row of the registry. Either `of_network` reads the value off the network as given, or `of_function` off
// its canonical logits, or `probe` and `read` get it from a pass under info.conditions.
struct ScoreEntry {
  ScoreInfo info;
  double (*of_network)(const Network&) = nullptr;
  ScoreOutcome (*of_function)(const Network&) = nullptr;
  MakeProbe probe = nullptr;
  ScoreOutcome (*read)(const Probe&) = nullptr;
};

std::span<const ScoreEntry> score_entries();

}  // namespace assay
