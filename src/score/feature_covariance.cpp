#include "feature_covariance.hpp"

#include "panel.hpp"

#include <algorithm>

namespace assay {

const SquareMatrix* FeatureCovariance::of(OpId op, const TensorView& features, int batch,
                                          const std::stop_token& stop) {
  if (op_ == op) return &covariance_;
  Sums& sums = open_[op];
  if (features.first_image < sums.images) return nullptr;  // another probe has shown them
  add(sums, features, stop);
  if (sums.images < batch) return nullptr;
  finish(sums, features);
  open_.erase(op);
  op_ = op;
  return &covariance_;
}

void FeatureCovariance::add(Sums& sums, const TensorView& features, const std::stop_token& stop) {
  const Grid map = {features.height, features.width};
  const Folding folding(map, map);
  const std::int64_t rows = std::int64_t{features.batch} * features.pixels();
  Panel panel;
  if (sums.images == 0) {
    // Squares of features with a large mean would cancel, so the mean of the first rows is taken off
    // everything; what is left of the mean is taken off the product at the end, exactly.
    const std::size_t padded = static_cast<std::size_t>(channel_groups(features.channels)) * lanes;
    sums.shift.assign(padded, 0.0f);
    sums.product.assign(padded * padded, 0.0f);
    sums.sums.assign(padded, 0.0);
    const int sample = static_cast<int>(std::min<std::int64_t>(rows, chunk_rows));
    pack(features, folding, 0, sample, panel);
    add_row_sums(panel, sums.sums);
    for (std::size_t c = 0; c < padded; ++c) sums.shift[c] = static_cast<float>(sums.sums[c] / sample);
    std::ranges::fill(sums.sums, 0.0);
  }
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    if (stop.stop_requested()) throw Cancelled();
    pack(features, folding, first, static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first)), panel);
    subtract(panel, sums.shift);
    add_row_sums(panel, sums.sums);
    add_product(panel, panel, sums.product);
  }
  sums.images += features.batch;
}

void FeatureCovariance::finish(const Sums& sums, const TensorView& features) {
  covariance_ = SquareMatrix(features.channels);
  const std::size_t padded = sums.shift.size();
  const double n = double{1} * sums.images * features.pixels();
  for (std::size_t i = 0; i < covariance_.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      covariance_(i, j) =
          static_cast<double>(sums.product[i * padded + j]) / n - sums.sums[i] / n * (sums.sums[j] / n);
}

}  // namespace assay
