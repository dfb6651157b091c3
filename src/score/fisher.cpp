// fisher: how much of the loss hangs on whole channels, to second order.
//
// Taking a channel out of an operator's output a changes the loss by about -sum over its pixels of a dL/da;
// half the square of that, averaged over images, is the channel's Fisher saliency (Theis et al. 2018). It
// needs no gradient of any weight.
#include "blocks.hpp"
#include "scores.hpp"

#include <array>
#include <map>

namespace assay {
namespace {

constexpr int most_lanes = 16;  // channels that lie side by side in the runtime's layouts

// Sums over the pixels of one image of a g, for `lanes` neighbouring channels: floats along a row, doubles
// above. Returns the sum of the squares.
template <int lanes>
double squared_sums(const float* a, const float* g, const TensorView& view) {
  std::array<double, lanes> sums = {};
  for (int y = 0; y < view.height; ++y) {
    std::array<float, lanes> row = {};
    for (int x = 0; x < view.width; ++x, a += view.pixel_stride, g += view.pixel_stride)
      for (std::size_t lane = 0; lane < lanes; ++lane) row[lane] += a[lane] * g[lane];
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += row[lane];
  }
  double squares = 0;
  for (const double sum : sums) squares += sum * sum;
  return squares;
}

class ChannelSaliencies final : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> forward_taps() const override { return weighted_operators(context_.network); }
  std::vector<OpId> gradient_taps() const override { return weighted_operators(context_.network); }
  // What both taps see stays in place, so the view serves until its gradient arrives.
  void see_output(OpId op, const TensorView& output) override { outputs_[op] = output; }
  void see_gradient(OpId op, TensorView& gradient) override;

  ScoreOutcome score() const {
    return outputs_.empty() ? ScoreOutcome::failed("no_weights")
                            : ScoreOutcome{squares_ / context_.batch / 2, {}};
  }

 private:
  std::map<OpId, TensorView> outputs_;
  double squares_ = 0;  // over operators, images and channels
};

void ChannelSaliencies::see_gradient(OpId op, TensorView& gradient) {
  const float* output = outputs_.at(op).data;
  // Padded channels are zero.
  const int lanes = gradient.block % most_lanes == 0 ? most_lanes : gradient.block % 8 == 0 ? 8 : 1;
  for (int image = 0; image < gradient.batch; ++image)
    for (int channel = 0; channel < gradient.channels; channel += lanes) {
      const std::int64_t at = gradient.offset(image, channel, 0, 0);
      const float *a = output + at, *g = gradient.data + at;
      squares_ += lanes == most_lanes ? squared_sums<most_lanes>(a, g, gradient)
                  : lanes == 8        ? squared_sums<8>(a, g, gradient)
                                      : squared_sums<1>(a, g, gradient);
    }
}

}  // namespace

ScoreEntry fisher_score() {
  return {
      .info = {.name = "fisher",
               .summary = "how much of the loss hangs on whole channels",
               .formula = "sum over channels of the outputs a of convolutions and linear operators of the "
                          "mean over images of (sum over pixels of a dL/da)^2 / 2, L the mean "
                          "cross-entropy",
               .source = "Turner et al., BlockSwap, ICLR 2020 (arXiv 1906.04113), as a score: Abdelfattah "
                         "et al. (arXiv 2101.08134)",
               .range = ">= 0",
               .cost = ScoreCost::backward,
               .conditions = ScoreConditions{.backward = BackwardSeed::cross_entropy}},
      .probe = make_probe<ChannelSaliencies>,
      .read = [](const Probe& probe) { return static_cast<const ChannelSaliencies&>(probe).score(); }};
}

}  // namespace assay
