// NASWOT: how well the pattern of active units tells the images of a batch apart.
//
// K_ij is the number of units on which images i and j agree; the score is log |det K|. Mellor et al. define
// it for ReLU; activation_pattern.hpp says when a unit of another function is active.
#include "activation_pattern.hpp"
#include "scores.hpp"
#include "spectrum.hpp"

namespace assay {
namespace {

class CodeKernel final : public ActivationProbe {
 public:
  using ActivationProbe::ActivationProbe;
  void see_output(OpId op, const TensorView& outputs) override;
  ScoreOutcome log_determinant_of_kernel() const;

 private:
  std::vector<std::int64_t> differing_;  // batch x batch, upper triangle
};

void CodeKernel::see_output(OpId op, const TensorView& outputs) {
  ActivationPattern pattern(outputs.batch);
  finite_ &= pattern.read(outputs, threshold(op));
  units_ += std::int64_t{outputs.channels} * outputs.pixels();
  const auto n = static_cast<std::size_t>(outputs.batch);
  differing_.resize(n * n, 0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j)
      differing_[i * n + j] += pattern.distance(static_cast<int>(i), static_cast<int>(j));
}

ScoreOutcome CodeKernel::log_determinant_of_kernel() const {
  if (units_ == 0) return ScoreOutcome::failed("no_activation");
  if (!finite_) return ScoreOutcome::failed("not_finite");
  const auto n = static_cast<std::size_t>(context_.batch);
  SquareMatrix kernel(context_.batch);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j)
      kernel(i, j) = kernel(j, i) = static_cast<double>(units_ - differing_[i * n + j]);
  const double value = log_determinant(kernel);
  return value > -std::numeric_limits<double>::infinity() ? ScoreOutcome{value, {}}
                                                          : ScoreOutcome::failed("singular");
}

}  // namespace

ScoreEntry naswot_score() {
  return {
      .info = {.name = "naswot",
               .summary = "how differently activation patterns code different inputs",
               .formula = "log det K, K_ij = number of units that are active for both images i and j or for "
                          "neither",
               .source = "Mellor et al., Neural architecture search without training, ICML 2021 (arXiv "
                         "2006.04647)",
               .range = "any",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{}},
      .probe = make_probe<CodeKernel>,
      .read = [](const Probe& probe) {
        return static_cast<const CodeKernel&>(probe).log_determinant_of_kernel();
      }};
}

}  // namespace assay
