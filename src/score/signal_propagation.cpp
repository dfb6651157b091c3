// Signal propagation: is the randomly initialised network near the edge of chaos, where it can be trained?
//
// Mean field theory of deep networks (Poole et al. 2016; Schoenholz et al. 2017; Yang et al. 2019 for batch
// norm) knows two ways to fail. In the ordered phase different images end up alike: the output reacts to all
// of them in the same way. In the chaotic phase gradients explode from block to block, and features of
// different images lose what they had in common. One forward and one backward pass of the batch, without
// gradients of weights, show all three. Images weigh 5/4 and 3/4 in turn in the output that is
// differentiated: were they equal, a batch norm right before global pooling would be sent the same for all of
// them, of which it passes nothing on but rounding errors.
//
//   gradient_correlation, r: root mean square, over pairs of images, of the correlation of their gradients of
//     the input. A healthy network has about 1 / sqrt(input elements).
//   gradient_drift, G: sum over blocks of |log(s_b / s_b+1)|, s_b = |h_b| |g_b| with the output h_b of the
//     block and its gradient g_b. s does not change when a block's output is scaled, and stays where signals
//     pass undisturbed; each factor of e costs 1.
//   feature_similarity, c: mean correlation, over pairs of images, of the features before global pooling.
//     Lost in chaos. Correlation, since cosines would tell activation functions apart: images without
//     anything in common have a cosine of 1/pi behind a ReLU and 0.12 behind a SiLU, for their features have
//     a mean.
//
// Scores of this kind order candidates where some of them are broken, and are no better than dice where all
// are sound: ranks blow differences of no importance up to the full scale. So the three are put together in
// their own units, which carry from space to space,
//
//   signal_propagation = -1.5 log(1 + 10 r) - 0.075 G + 2 min(c, 1/8),
//
// scaled such that 1 is worth e times the capacity, and are added to capacity as they are. Features that
// share an eighth are sound: what goes beyond is a matter of width and pooling, not of trainability.
// bench/scores.md holds the evidence and the neighbourhood of the coefficients.
#include "blocks.hpp"
#include "scores.hpp"
#include "spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace assay {
namespace {

// What a network gets whose output does not depend on its input, or whose gradients do not reach it: beyond
// everything that can be trained.
constexpr double no_signal = -20;

constexpr double enough_similarity = 0.125;

double sum_of_squares(const TensorView& tensor) {
  // Short runs of floats, vectorised; doubles above them. Padding is zero.
  constexpr std::int64_t width = 16, run = 16 * width;
  const std::int64_t count = tensor.stored();
  double sum = 0;
  for (std::int64_t first = 0; first < count; first += run) {
    const std::int64_t last = std::min(first + run, count);
    float squares[width] = {};
    std::int64_t i = first;
    for (; i + width <= last; i += width)
      for (std::int64_t lane = 0; lane < width; ++lane)
        squares[lane] += tensor.data[i + lane] * tensor.data[i + lane];
    for (; i < last; ++i) squares[0] += tensor.data[i] * tensor.data[i];
    for (const float square : squares) sum += square;
  }
  // Unless squares left the range of floats, which says nothing yet about the signal.
  if (sum > 1e-20 && std::isfinite(sum)) return sum;
  return std::accumulate(tensor.data, tensor.data + count, 0.0,
                         [](double total, double x) { return total + x * x; });
}

// Mean of f(correlation) over pairs of rows; a constant row is taken to be like every other.
template <class F>
double mean_over_pairs(const SquareMatrix& products, F f) {
  const std::size_t n = products.size();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const double norms = std::sqrt(products(i, i) * products(j, j));
      sum += f(norms == 0 ? 1.0 : products(i, j) / norms);
    }
  return sum / (static_cast<double>(n * (n - 1)) / 2);
}

class SignalFlow final : public Probe {
 public:
  explicit SignalFlow(const PassContext& context)
      : Probe(context),
        features_(feature_output(context.network)),
        outputs_(context.blocks.size(), 0.0),
        gradients_(context.blocks.size(), 0.0) {}

  bool takes_pieces() const override { return true; }
  std::vector<OpId> forward_taps() const override {
    std::vector<OpId> ops = gradient_taps();
    if (block_of(features_) == context_.blocks.size()) ops.push_back(features_);
    return ops;
  }
  std::vector<OpId> gradient_taps() const override {
    return {context_.blocks.begin(), context_.blocks.end()};
  }
  void see_output(OpId op, const TensorView& output) override;
  void see_gradient(OpId op, TensorView& gradient) override {
    gradients_[block_of(op)] += sum_of_squares(gradient);
  }
  void after_backward(Executable& executable) override;

  bool reaches_input() const { return reaches_input_; }
  double gradient_correlation() const { return gradient_correlation_; }
  double gradient_drift() const;
  double feature_similarity() const { return feature_similarity_; }

 private:
  // Its index; the number of blocks when it is none.
  std::size_t block_of(OpId op) const {
    return static_cast<std::size_t>(std::ranges::find(context_.blocks, op) - context_.blocks.begin());
  }

  OpId features_;
  std::vector<double> outputs_, gradients_;  // |h|^2 and |g|^2 of every block
  std::vector<float> feature_values_;        // of the images so far
  bool reaches_input_ = false;
  double gradient_correlation_ = 0, feature_similarity_ = 0;
};

void SignalFlow::see_output(OpId op, const TensorView& output) {
  if (const std::size_t block = block_of(op); block < outputs_.size())
    outputs_[block] += sum_of_squares(output);
  if (op != features_) return;
  const std::size_t seen = feature_values_.size();
  feature_values_.resize(seen + static_cast<std::size_t>(output.elements()));
  output.copy_to(std::span(feature_values_).subspan(seen));
  if (output.first_image + output.batch < context_.batch) return;
  feature_similarity_ = mean_over_pairs(centred_gram(std::move(feature_values_), context_.batch),
                                        [](double correlation) { return correlation; });
}

void SignalFlow::after_backward(Executable& executable) {
  const std::span<const float> gradient = executable.input_gradient();
  reaches_input_ = std::ranges::any_of(gradient, [](float x) { return x != 0; });
  gradient_correlation_ =
      std::sqrt(mean_over_pairs(centred_gram({gradient.begin(), gradient.end()}, context_.batch),
                                [](double correlation) { return correlation * correlation; }));
}

double SignalFlow::gradient_drift() const {
  double drift = 0;
  for (std::size_t b = 1; b < outputs_.size(); ++b) {
    const double here = outputs_[b] * gradients_[b];
    const double before = outputs_[b - 1] * gradients_[b - 1];
    if (here == 0 || before == 0) return std::numeric_limits<double>::infinity();
    drift += 0.5 * std::abs(std::log(before / here));
  }
  return drift;
}

const SignalFlow& flow(const Probe& probe) {
  return static_cast<const SignalFlow&>(probe);
}

ScoreOutcome unless_constant(const SignalFlow& signal, double value) {
  return signal.reaches_input() ? ScoreOutcome{value, {}} : ScoreOutcome::failed("constant_output");
}

ScoreOutcome signal_propagation(const Probe& probe) {
  const SignalFlow& signal = flow(probe);
  const double value = -1.5 * std::log1p(10 * signal.gradient_correlation()) -
                       0.075 * signal.gradient_drift() +
                       2 * std::min(signal.feature_similarity(), enough_similarity);
  // A gradient that vanishes on the way makes the drift infinite; NaN stays NaN.
  if (!signal.reaches_input() || value < no_signal) return {no_signal, {}};
  return {value, {}};
}

constexpr std::string_view source =
    "assay; after Poole et al., NeurIPS 2016 (arXiv 1606.05340), Schoenholz "
    "et al., ICLR 2017 (arXiv 1611.01232)";

ScoreConditions one_backward_pass() {
  return {.backward = BackwardSeed::uneven, .input_gradient = true};
}

}  // namespace

ScoreEntry gradient_correlation_score() {
  return {.info = {.name = "gradient_correlation",
                   .summary = "how alike the output reacts to different images",
                   .formula = "root mean square of the correlation of two images' input gradients",
                   .source = source,
                   .range = "0 .. 1",
                   .direction = -1,
                   .cost = ScoreCost::backward,
                   .conditions = one_backward_pass()},
          .probe = make_probe<SignalFlow>,
          .read = [](const Probe& probe) {
            return unless_constant(flow(probe), flow(probe).gradient_correlation());
          }};
}

ScoreEntry gradient_drift_score() {
  return {
      .info = {.name = "gradient_drift",
               .summary = "how far gradients grow or shrink from block to block",
               .formula = "sum over blocks of |log(s_b / s_b+1)|, s_b = |output of b| |its gradient|",
               .source = source,
               .range = ">= 0",
               .direction = -1,
               .cost = ScoreCost::backward,
               .conditions = one_backward_pass()},
      .probe = make_probe<SignalFlow>,
      .read = [](const Probe& probe) { return unless_constant(flow(probe), flow(probe).gradient_drift()); }};
}

ScoreEntry feature_similarity_score() {
  return {.info = {.name = "feature_similarity",
                   .summary = "what the features of different images keep in common",
                   .formula = "mean correlation of two images' features before global pooling",
                   .source = source,
                   .range = "-1 .. 1",
                   .cost = ScoreCost::backward,
                   .conditions = one_backward_pass()},
          .probe = make_probe<SignalFlow>,
          .read = [](const Probe& probe) {
            return unless_constant(flow(probe), flow(probe).feature_similarity());
          }};
}

ScoreEntry signal_propagation_score() {
  return {.info = {.name = "signal_propagation",
                   .summary = "whether signals pass undisturbed: the three scores above in one",
                   .formula = "-1.5 log(1 + 10 gradient_correlation) - 0.075 gradient_drift + 2 min("
                              "feature_similarity, 1/8); -20 where no signal passes",
                   .source = source,
                   .range = "-20 .. 0.25",
                   .cost = ScoreCost::backward,
                   .conditions = one_backward_pass(),
                   .by_rank = false},
          .probe = make_probe<SignalFlow>,
          .read = signal_propagation};
}

}  // namespace assay
