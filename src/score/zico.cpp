// ZiCo: gradients that are large, and the same for different data, let a network converge fast.
//
// The paper's mean and deviation are taken over batches (equation 13 with two of them): for one weight with
// gradients a and b they are (|a| + |b|) / 2 and |a - b| / 2. The deviation is that of the gradients, not of
// their magnitudes, as in the authors' experiments.
#include "scores.hpp"

#include <cmath>

namespace assay {
namespace {

// Sum over weights of mean / deviation; weights whose gradients are equal are left out.
double signal_to_noise(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t width = 16;
  double sums[width] = {};
  const auto add = [&](std::size_t i, std::size_t lane) {
    const float difference = std::abs(a[i] - b[i]);
    sums[lane] += difference != 0 ? (std::abs(a[i]) + std::abs(b[i])) / difference : 0.0f;
  };
  std::size_t i = 0;
  for (; i + width <= a.size(); i += width)
    for (std::size_t lane = 0; lane < width; ++lane) add(i + lane, lane);
  for (; i < a.size(); ++i) add(i, 0);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

class GradientConsistency final : public Probe {
 public:
  using Probe::Probe;
  void after_backward(Executable& executable) override;
  ScoreOutcome score() const {
    if (!weights_) return ScoreOutcome::failed("no_weights");
    return layers_ > 0 ? ScoreOutcome{sum_, {}} : ScoreOutcome::failed("constant_output");
  }

 private:
  std::vector<std::vector<float>> first_;  // the first batch's gradients, by tensor
  bool weights_ = false;
  int layers_ = 0;
  double sum_ = 0;
};

void GradientConsistency::after_backward(Executable& executable) {
  const bool second = !first_.empty();
  std::size_t tensor = 0;
  for (const Parameter& parameter : executable.parameters()) {
    if (parameter.role != ParameterRole::weight) continue;
    weights_ = true;
    if (!second) {
      first_.emplace_back(parameter.gradient.begin(), parameter.gradient.end());
    } else if (const double ratios = signal_to_noise(first_[tensor++], parameter.gradient); ratios != 0) {
      ++layers_;
      sum_ += std::log(ratios);
    }
  }
}

}  // namespace

ScoreEntry zico_score() {
  return {
      .info = {.name = "zico",
               .summary = "how large gradients are against their variation between batches",
               .formula = "sum over convolutions and linear operators of log of the sum over weights of "
                          "mean |g| / deviation of g, over 2 batches; g the gradient of the cross-entropy",
               .source = "Li et al., ZiCo, ICLR 2023 (arXiv 2301.11300)",
               .range = "any; at least log(weights) for each layer whose weights' gradients all vary",
               .cost = ScoreCost::two_gradients,
               .conditions = ScoreConditions{.input_batches = 2,
                                             .backward = BackwardSeed::cross_entropy,
                                             .weight_gradients = true}},
      .probe = make_probe<GradientConsistency>,
      .read = [](const Probe& probe) { return static_cast<const GradientConsistency&>(probe).score(); }};
}

}  // namespace assay
