// Zen score: how fast the features of the plain network grow with a perturbation of the input.
//
// Algorithm 1 of the paper: residual links are removed, weights are N(0, 1), x and e are N(0, I), f is the
// feature map before global pooling; D is the mean over images of |f(x) - f(x + 0.01 e)|. Batch norm divides
// the growth away; it is multiplied back: score = log D + sum over batch norms of log s, s^2 the mean over
// channels of the variance of the batch that enters. Layer norms, which the paper's networks do not have, are
// treated alike: s^2 is the mean over images and pixels of the variance over channels that enters.
#include "blocks.hpp"
#include "scores.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

class FeatureDifference final : public Probe {
 public:
  explicit FeatureDifference(const PassContext& context)
      : Probe(context), features_(feature_output(context.network)) {
    const Network& network = context.network;
    for (OpId id = 1; id < network.size(); ++id)
      if (network.op(id).kind == OpKind::layer_norm) normalised_.push_back(network.inputs(id)[0]);
  }
  std::vector<OpId> forward_taps() const override {
    std::vector<OpId> taps = normalised_;
    taps.push_back(features_);
    std::ranges::sort(taps);
    const auto repeated = std::ranges::unique(taps);
    taps.erase(repeated.begin(), repeated.end());
    return taps;
  }
  void see_output(OpId op, const TensorView& features) override;
  void after_forward(Executable& executable) override;

  double score() const { return std::log(difference_) + log_deviations_; }

 private:
  OpId features_;
  std::vector<OpId> normalised_;  // the inputs of layer norms
  std::vector<float> first_;
  bool perturbed_ = false;
  double difference_ = 0, log_deviations_ = 0;
};

// The mean over images and pixels of the variance over channels.
double mean_channel_variance(const TensorView& x) {
  double total = 0;
  for (int n = 0; n < x.batch; ++n)
    for (int row = 0; row < x.height; ++row)
      for (int column = 0; column < x.width; ++column) {
        const auto at = [&](int c) { return static_cast<double>(x.data[x.offset(n, c, row, column)]); };
        double mean = 0, squares = 0;
        for (int c = 0; c < x.channels; ++c) mean += at(c) / x.channels;
        for (int c = 0; c < x.channels; ++c) squares += (at(c) - mean) * (at(c) - mean);
        total += squares / x.channels;
      }
  return total / (double{1} * x.batch * x.pixels());
}

void FeatureDifference::see_output(OpId op, const TensorView& features) {
  if (const auto norms = std::ranges::count(normalised_, op); norms > 0 && !perturbed_)
    log_deviations_ += static_cast<double>(norms) * 0.5 * std::log(mean_channel_variance(features));
  if (op != features_) return;
  const std::span<const float> now(features.data, static_cast<std::size_t>(features.stored()));
  if (first_.empty()) {
    first_.assign(now.begin(), now.end());
    return;
  }
  const std::size_t image = now.size() / static_cast<std::size_t>(features.batch);
  for (std::size_t begin = 0; begin < now.size(); begin += image) {
    double squares = 0;
    for (std::size_t i = begin; i < begin + image; ++i) {
      const double d = static_cast<double>(now[i]) - first_[i];
      squares += d * d;
    }
    difference_ += std::sqrt(squares) / features.batch;
  }
}

void FeatureDifference::after_forward(Executable& executable) {
  if (perturbed_) return;
  perturbed_ = true;
  // With momentum 1 the running variance is that of this batch, unbiased: what batch norm divided by is
  // (n - 1) / n of it.
  executable.update_running_statistics(1.0f);
  const auto parameters = executable.parameters();
  std::vector<float> variances;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].role != ParameterRole::running_variance) continue;
    variances.resize(static_cast<std::size_t>(parameters[i].elements()));
    executable.get_parameter(i, variances);
    double sum = 0;
    for (const float variance : variances) sum += variance;
    const Shape shape = context_.network.shape(parameters[i].op);
    const double n = double{1} * context_.batch * shape.height * shape.width;
    log_deviations_ += 0.5 * std::log(sum / static_cast<double>(variances.size()) * (n - 1) / n);
  }
}

}  // namespace

ScoreEntry zen_score() {
  return {.info = {.name = "zen",
                   .summary = "how fast features grow with a perturbation of the input, without residuals",
                   .formula = "log mean |f(x) - f(x + 0.01 e)| + sum over batch norms of log of the batch's "
                              "deviation, over layer norms of the channels'",
                   .source = "Lin et al., Zen-NAS, ICCV 2021 (arXiv 2102.01063)",
                   .range = "any",
                   .cost = ScoreCost::forward,
                   .conditions = ScoreConditions{.initialisation = Initialisation::standard_normal,
                                                 .residuals = false,
                                                 .perturbed = true}},
          .probe = make_probe<FeatureDifference>,
          .read = [](const Probe& probe) -> ScoreOutcome {
            return {static_cast<const FeatureDifference&>(probe).score(), {}};
          }};
}

}  // namespace assay
