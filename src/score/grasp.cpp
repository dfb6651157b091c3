// GraSP: how the weights, together, hold the gradient's flow up or down: -w^T H g, g the gradient of the loss
// and H its Hessian.
//
// The runtime has no second derivatives, and needs none: w^T H g is half the derivative of |g((1 + t) w)|^2
// at t = 0, because g((1 + t) w) = g + t H w + ... So two passes, with all weights a little larger and a
// little smaller, give it by a central difference. Activations are frozen on their pieces meanwhile: a double
// backward pass knows nothing of units that switch, while a difference would be ruled by them. What is left
// is the error of the difference: rounding, about 1e-4 of |g|^2, and the square of the step, which gives some
// percent of |g|^2 where few values stand behind a batch norm and the gradient changes within the step.
//
// Wang et al. prune the weights with the highest -w (H g) first. As a score of networks the sum is taken as
// higher is better (Abdelfattah et al.).
#include "scores.hpp"

namespace assay {
namespace {

class GradientGrowth final : public Probe {
 public:
  using Probe::Probe;
  void after_backward(Executable& executable) override {
    double squares = 0;
    for (const Parameter& parameter : executable.parameters()) {
      if (parameter.role != ParameterRole::weight) continue;
      weights_ = true;
      for (const float g : parameter.gradient) squares += double{g} * g;
    }
    squares_.push_back(squares);
  }
  ScoreOutcome score() const {
    if (!weights_) return ScoreOutcome::failed("no_weights");
    return {-(squares_[0] - squares_[1]) / (4 * static_cast<double>(weight_step)), {}};
  }

 private:
  bool weights_ = false;
  std::vector<double> squares_;  // |g|^2 with the larger and with the smaller weights
};

}  // namespace

ScoreEntry grasp_score() {
  return {.info = {.name = "grasp",
                   .summary = "how the weights hold up the flow of gradients",
                   .formula = "-w^T H g over the weights w of convolutions and linear operators, g and H the "
                              "gradient and the Hessian of the cross-entropy",
                   .source = "Wang et al., Picking winning tickets before training, ICLR 2020 (arXiv "
                             "2002.07376), as a score: Abdelfattah et al. (arXiv 2101.08134)",
                   .range = "any",
                   .cost = ScoreCost::two_gradients,
                   .conditions = ScoreConditions{.rescaled = true,
                                                 .backward = BackwardSeed::cross_entropy,
                                                 .weight_gradients = true}},
          .probe = make_probe<GradientGrowth>,
          .read = [](const Probe& probe) { return static_cast<const GradientGrowth&>(probe).score(); }};
}

}  // namespace assay
