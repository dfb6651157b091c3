// jacob_cov: how differently the output reacts to small changes of different inputs.
//
// Row i of J is the gradient of the sum of the outputs with respect to image i. From the eigenvalues v of the
// rows' correlation matrix the score is -sum(log(v + k) + 1 / (v + k)), k = 1e-5: highest for uncorrelated
// rows (all v = 1).
#include "scores.hpp"
#include "spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace assay {
namespace {

class InputJacobian final : public Probe {
 public:
  using Probe::Probe;
  bool takes_pieces() const override { return true; }  // it has no taps
  void after_backward(Executable& executable) override;
  ScoreOutcome score() const;

 private:
  std::optional<SquareMatrix> products_;  // of the images' gradients, each less its mean
};

void InputJacobian::after_backward(Executable& executable) {
  const std::span<const float> gradient = executable.input_gradient();
  products_ = centred_gram({gradient.begin(), gradient.end()}, context_.batch);
}

ScoreOutcome InputJacobian::score() const {
  const SquareMatrix& products = *products_;
  SquareMatrix correlation(context_.batch);
  for (std::size_t i = 0; i < products.size(); ++i) {
    if (products(i, i) == 0) return ScoreOutcome::failed("constant_output");
    for (std::size_t j = 0; j <= i; ++j)
      correlation(i, j) = products(i, j) / std::sqrt(products(i, i) * products(j, j));
  }
  constexpr double k = 1e-5;
  double score = 0;
  for (const double value : eigenvalues(correlation)) {
    // Rounding can leave a zero eigenvalue slightly negative, but -k would be a pole.
    const double v = std::isnan(value) ? value : std::max(value, 0.0);
    score -= std::log(v + k) + 1 / (v + k);
  }
  return {score, {}};
}

}  // namespace

ScoreEntry jacob_cov_score() {
  return {
      .info = {.name = "jacob_cov",
               .summary = "how differently the output reacts to changes of different inputs",
               .formula = "-sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlation of the "
                          "images' input gradients, k = 1e-5",
               .source = "Mellor et al. (arXiv 2006.04647, version 1); Abdelfattah et al., Zero-cost "
                         "proxies for lightweight NAS, ICLR 2021 (arXiv 2101.08134)",
               .range = "<= -batch",
               .cost = ScoreCost::backward,
               .conditions = ScoreConditions{.backward = BackwardSeed::ones, .input_gradient = true}},
      .probe = make_probe<InputJacobian>,
      .read = [](const Probe& probe) { return static_cast<const InputJacobian&>(probe).score(); }};
}

}  // namespace assay
