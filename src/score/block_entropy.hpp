// Entropy of the PCA spectrum of every block's output, for expressivity and progressivity.
#pragma once

#include "panel.hpp"
#include "probe.hpp"

namespace assay {

class BlockEntropy final : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> forward_taps() const override { return {context_.blocks.begin(), context_.blocks.end()}; }
  void see_output(OpId op, const TensorView& features) override;

  // Per block; NaN where the features are not finite.
  std::span<const double> entropies() const { return entropies_; }
  // Empty, or why the blocks have no entropies.
  std::string_view failure() const { return failure_; }

 private:
  std::vector<double> entropies_;
  std::string_view failure_;
};

// For ScoreEntry::read: what `value` makes of the entropies, unless there are fewer than `least` blocks.
Outcome read_block_entropies(const Probe& probe, std::size_t least,
                             Outcome (*value)(std::span<const double> entropies));

}  // namespace assay
