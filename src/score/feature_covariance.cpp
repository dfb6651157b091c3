#include "feature_covariance.hpp"

#include "panel.hpp"

#include <algorithm>

namespace assay {

const SquareMatrix* FeatureCovariance::of(OpId op, const TensorView& features, const std::stop_token& stop) {
  if (features.channels > max_spectrum_size) return nullptr;
  if (op_ == op) return &covariance_;
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
    if (stop.stop_requested()) throw Cancelled();
    pack(features, folding, first, static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first)), panel);
    subtract(panel, shift);
    add_row_sums(panel, sums);
    add_product(panel, panel, product);
  }

  covariance_ = SquareMatrix(features.channels);
  const auto n = static_cast<double>(rows);
  for (std::size_t i = 0; i < covariance_.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      covariance_(i, j) = static_cast<double>(product[i * padded + j]) / n - sums[i] / n * (sums[j] / n);
  op_ = op;
  return &covariance_;
}

}  // namespace assay
