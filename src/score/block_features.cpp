#include "block_features.hpp"

#include "feature_covariance.hpp"

#include <numeric>

namespace assay {

void BlockFeatures::see_output(OpId op, const TensorView& features) {
  if (features.channels > max_spectrum_size)
    too_large_ = true;
  else if (const SquareMatrix* covariance =
               context_.covariance.of(op, features, context_.batch, context_.stop))
    of_blocks_.push_back(number_of(*covariance));
}

ScoreOutcome BlockFeatures::read(std::size_t least,
                                 ScoreOutcome (*value)(std::span<const double> of_blocks)) const {
  if (too_large_) return ScoreOutcome::failed("too_large");
  if (of_blocks_.size() < least) return ScoreOutcome::failed("too_few_blocks");
  return value(of_blocks_);
}

ScoreOutcome sum_over_blocks(std::span<const double> of_blocks) {
  return {std::accumulate(of_blocks.begin(), of_blocks.end(), 0.0), {}};
}

}  // namespace assay
