// Scores that look at the spread of every block's features: one number a block, read off their covariance.
#pragma once

#include "probe.hpp"
#include "spectrum.hpp"

#include <vector>

namespace assay {

class BlockFeatures : public Probe {
 public:
  using Probe::Probe;
  bool takes_pieces() const override { return true; }
  std::vector<OpId> forward_taps() const override { return {context_.blocks.begin(), context_.blocks.end()}; }
  void see_output(OpId op, const TensorView& features) override;
  void after_forward(Executable&) override { context_.covariance.clear(); }

  // For ScoreEntry::read: what `value` makes of the blocks' numbers, unless there are fewer than `least`.
  ScoreOutcome read(std::size_t least, ScoreOutcome (*value)(std::span<const double> of_blocks)) const;

 private:
  // `covariance`: lower triangle.
  virtual double number_of(const SquareMatrix& covariance) const = 0;

  std::vector<double> of_blocks_;  // NaN where the features are not finite
  bool too_large_ = false;
};

// Sum over the blocks: a score's `value`.
ScoreOutcome sum_over_blocks(std::span<const double> of_blocks);

// AZ-NAS: PCA's eigenvalues, divided by their sum, are the shares of the variance along the principal axes;
// their entropy is highest when the features fill the channel space evenly. Constant features have no axes:
// entropy 0.
class BlockEntropy final : public BlockFeatures {
 public:
  using BlockFeatures::BlockFeatures;

 private:
  double number_of(const SquareMatrix& covariance) const override {
    return spectral_entropy(eigenvalues(covariance));
  }
};

}  // namespace assay
