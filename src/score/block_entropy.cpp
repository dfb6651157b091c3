#include "block_entropy.hpp"

#include "spectrum.hpp"

namespace assay {

// AZ-NAS: the features of a block are n h w samples of c channels; PCA's eigenvalues, divided
// by their sum, are the shares of the variance along the principal axes; their entropy is highest when the
// features fill the channel space evenly. Constant features have no axes: entropy 0.
void BlockEntropy::see_output(OpId, const TensorView& features) {
  if (features.channels > max_spectrum_size) {
    failure_ = "too_large";
    return;
  }
  const Grid map = {features.height, features.width};
  const Folding folding(map, map);
  const std::int64_t rows = std::int64_t{features.batch} * features.pixels();
  const std::size_t padded = static_cast<std::size_t>(channel_groups(features.channels)) * lanes;

  // Squares of features with a large mean would cancel, so the mean of the first rows is taken off
  // everything; what is left of the mean is taken off the product at the end, exactly.
  std::vector<float> shift(padded, 0.0f), product(padded * padded, 0.0f);
  std::vector<double> sums(padded, 0.0);
  Panel panel;
  const int sample = static_cast<int>(std::min<std::int64_t>(rows, chunk_rows));
  pack(features, folding, 0, sample, panel);
  add_row_sums(panel, sums);
  for (std::size_t c = 0; c < padded; ++c) {
    shift[c] = static_cast<float>(sums[c] / sample);
    sums[c] = 0;
  }
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    check_stop();
    pack(features, folding, first, static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first)), panel);
    subtract(panel, shift);
    add_row_sums(panel, sums);
    add_product(panel, panel, product);
  }

  SquareMatrix covariance(features.channels);
  const auto n = static_cast<double>(rows);
  for (std::size_t i = 0; i < covariance.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      covariance(i, j) = static_cast<double>(product[i * padded + j]) / n - sums[i] / n * (sums[j] / n);
  entropies_.push_back(spectral_entropy(eigenvalues(covariance)));
}

Outcome read_block_entropies(const Probe& probe, std::size_t least,
                             Outcome (*value)(std::span<const double> entropies)) {
  const auto& blocks = static_cast<const BlockEntropy&>(probe);
  if (!blocks.failure().empty()) return Outcome::failed(blocks.failure());
  if (blocks.entropies().size() < least) return Outcome::failed("too_few_blocks");
  return value(blocks.entropies());
}

}  // namespace assay
