// MeCo: how little the channels of a feature map repeat each other.
//
// Per convolution, the smallest eigenvalue of the Pearson correlation matrix of its output's channels, for
// one image: 1 for uncorrelated channels, 0 when one is a combination of others. A map with more channels
// than pixels is always such, and eigenvalues of a thousand channels are dear; so this is the paper's
// MeCo_opt: of each map 8 channels, the layer weighted with the number of channels that they stand for. The
// paper draws them at random; here they are evenly spaced, which is as good a draw where the weights are
// random.
//
// Batch norm and activations that follow a convolution are left out: the first moves no correlation, and the
// second is seen by the next convolution. The image is the first of the batch.
#include "scores.hpp"
#include "spectrum.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

constexpr int most_channels = 8;

class ChannelCorrelations final : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> forward_taps() const override {
    std::vector<OpId> ops;
    for (OpId id = 1; id < context_.network.size(); ++id)
      if (const OpKind kind = context_.network.op(id).kind;
          kind == OpKind::convolution || kind == OpKind::transposed_convolution)
        ops.push_back(id);
    return ops;
  }
  void see_output(OpId op, const TensorView& features) override;

  double sum() const { return sum_; }

 private:
  double sum_ = 0;
};

// A channel of one image, centred and of length 1; zero where it is constant.
std::vector<double> standardised(const TensorView& features, int channel) {
  std::vector<double> values;
  for (int y = 0; y < features.height; ++y)
    for (int x = 0; x < features.width; ++x)
      values.push_back(features.data[features.offset(0, channel, y, x)]);
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (double& value : values) {
    value -= sum / static_cast<double>(values.size());
    squares += value * value;
  }
  if (squares != 0)
    for (double& value : values) value /= std::sqrt(squares);
  return values;
}

void ChannelCorrelations::see_output(OpId, const TensorView& features) {
  const int count = std::min(features.channels, most_channels);
  std::vector<std::vector<double>> rows;
  for (int k = 0; k < count; ++k) rows.push_back(standardised(features, k * features.channels / count));
  SquareMatrix correlation(count);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double product = 0;
      for (std::size_t p = 0; p < rows[i].size(); ++p) product += rows[i][p] * rows[j][p];
      correlation(i, j) = product;
    }
  // Rounding can leave the zero of a singular matrix slightly negative.
  const double least = eigenvalues(correlation).front();
  sum_ += std::isnan(least) ? least : std::max(least, 0.0) * features.channels / count;
}

}  // namespace

ScoreEntry meco_score() {
  return {
      .info = {.name = "meco",
               .summary = "how little the channels of feature maps repeat each other",
               .formula = "sum over convolutions of c / m times the least eigenvalue of the correlation "
                          "matrix of m = min(c, 8) evenly spaced ones of the output's c channels, one image",
               .source = "Jiang et al., MeCo, NeurIPS 2023 (its variant MeCo_opt)",
               .range = ">= 0",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{}},
      .probe = make_probe<ChannelCorrelations>,
      .read = [](const Probe& probe) -> ScoreOutcome {
        return {static_cast<const ChannelCorrelations&>(probe).sum(), {}};
      }};
}

}  // namespace assay
