// Zen score: how fast the features of the plain network grow with a perturbation of the input.
//
// Algorithm 1 of the paper: residual links are removed, weights are N(0, 1), x and e are N(0, I), f is the
// feature map before global pooling; D is the mean over images of |f(x) - f(x + 0.01 e)|. Batch norm divides
// the growth away; it is multiplied back: score = log D + sum over batch norms of log s, s^2 the mean over
// channels of the variance of the batch that enters.
#include "blocks.hpp"
#include "scores.hpp"

#include <cmath>

namespace assay {
namespace {

class FeatureDifference final : public Probe {
 public:
  explicit FeatureDifference(const PassContext& context)
      : Probe(context), features_(feature_output(context.network)) {}
  std::vector<OpId> forward_taps() const override { return {features_}; }
  void see_output(OpId op, const TensorView& features) override;
  void after_forward(Executable& executable) override;

  double score() const { return std::log(difference_) + log_deviations_; }

 private:
  OpId features_;
  std::vector<float> first_;
  bool perturbed_ = false;
  double difference_ = 0, log_deviations_ = 0;
};

void FeatureDifference::see_output(OpId, const TensorView& features) {
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
                              "deviation",
                   .source = "Lin et al., Zen-NAS, ICCV 2021 (arXiv 2102.01063)",
                   .range = "any",
                   .cost = ScoreCost::forward,
                   .conditions = ScoreConditions{.initialisation = Initialisation::standard_normal,
                                                 .residuals = false,
                                                 .perturbed = true}},
          .probe = make_probe<FeatureDifference>,
          .read = [](const Probe& probe) -> Outcome {
            return {static_cast<const FeatureDifference&>(probe).score(), {}};
          }};
}

}  // namespace assay
