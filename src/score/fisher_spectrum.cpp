// fisher_spectrum (VKDNW): whether the data would determine all weights equally well.
//
// The Fisher information of a few weights is F = mean over images of E[u u^T], u the gradient of log p(label)
// by those weights, with the label drawn from the network's own softmax p. The score is the entropy of the
// nine deciles of F's eigenvalues, divided by their sum: log 9 where all directions are known equally well.
//
// As in the paper: the matrix, the deciles, the entropy, random inputs, few weights per layer. Different:
//
// - One weight for each convolution and linear operator: output channel 0, input channel 0, the middle of the
//   kernel.
// - The expectation over labels is the mean over 8 draws (1000 classes would take 1000 passes), so that F has
//   rank 8 x batch at most: with fewer samples than layers the low deciles are zero.
// - Batch norm works on the statistics of the batch, and u is what the image's own positions contribute to
// the
//   gradient of the batch's log-likelihood. That takes one backward pass a draw for all images, and no
//   gradients of weights: a contribution is the sum over positions of one input times one output gradient.
// - The number of layers, which the paper adds, is left to the rank score.
#include "blocks.hpp"
#include "scores.hpp"
#include "spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace assay {
namespace {

// Channel 0 of all images.
struct Plane {
  int height = 0, width = 0;
  std::vector<float> values;
};

class LikelihoodGradients final : public Probe {
 public:
  explicit LikelihoodGradients(const PassContext& context)
      : Probe(context),
        layers_(weighted_operators(context.network)),
        samples_(static_cast<std::size_t>(label_draws * context.batch)),
        gradients_(layers_.size() * samples_) {}
  std::vector<OpId> forward_taps() const override;
  std::vector<OpId> gradient_taps() const override { return layers_; }
  void see_output(OpId op, const TensorView& output) override;
  void see_gradient(OpId op, TensorView& gradient) override;
  void after_backward(Executable&) override { ++draw_; }

  ScoreOutcome score() const;

 private:
  OpId source(OpId layer) const { return context_.network.inputs(layer)[0]; }

  std::vector<OpId> layers_;
  std::size_t samples_;
  std::vector<float> gradients_;  // layers x samples
  std::map<OpId, Plane> inputs_;
  int draw_ = 0;
};

std::vector<OpId> LikelihoodGradients::forward_taps() const {
  std::vector<OpId> sources;
  for (const OpId layer : layers_) sources.push_back(source(layer));
  return sources;
}

void LikelihoodGradients::see_output(OpId op, const TensorView& output) {
  Plane& plane = inputs_[op];
  plane = {.height = output.height, .width = output.width, .values = {}};
  plane.values.reserve(static_cast<std::size_t>(output.batch * output.pixels()));
  for (int image = 0; image < output.batch; ++image)
    for (int y = 0; y < output.height; ++y)
      for (int x = 0; x < output.width; ++x)
        plane.values.push_back(output.data[output.offset(image, 0, y, x)]);
}

void LikelihoodGradients::see_gradient(OpId op, TensorView& gradient) {
  const Plane& input = inputs_.at(source(op));
  const Window& w = context_.network.op(op).window;
  const int top = w.kernel_h / 2 * w.dilation_h - w.pad_top;
  const int left = w.kernel_w / 2 * w.dilation_w - w.pad_left;
  const auto layer = static_cast<std::size_t>(std::ranges::lower_bound(layers_, op) - layers_.begin());
  float* samples = gradients_.data() + layer * samples_ + std::size_t{1} * draw_ * gradient.batch;
  for (int image = 0; image < gradient.batch; ++image) {
    double sum = 0;
    for (int y = 0; y < gradient.height; ++y) {
      const int from_y = y * w.stride_h + top;
      if (from_y < 0 || from_y >= input.height) continue;
      const float* row = input.values.data() + (std::int64_t{image} * input.height + from_y) * input.width;
      for (int x = 0; x < gradient.width; ++x) {
        const int from_x = x * w.stride_w + left;
        if (from_x < 0 || from_x >= input.width) continue;
        sum += double{row[from_x]} * gradient.data[gradient.offset(image, 0, y, x)];
      }
    }
    samples[image] = static_cast<float>(sum);
  }
}

// Of ascending values, between which it is linear.
double quantile(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

ScoreOutcome LikelihoodGradients::score() const {
  if (layers_.empty()) return ScoreOutcome::failed("no_weights");
  const std::vector<double> values = eigenvalues(gram(gradients_, static_cast<int>(layers_.size())));
  if (values.back() == 0) return ScoreOutcome::failed("constant_output");
  std::array<double, 9> deciles;
  for (std::size_t k = 0; k < deciles.size(); ++k)
    deciles[k] = quantile(values, static_cast<double>(k + 1) / 10);
  return {std::isnan(values.back()) ? values.back() : spectral_entropy(deciles), {}};
}

}  // namespace

ScoreEntry fisher_spectrum_score() {
  return {
      .info = {.name = "fisher_spectrum",
               .summary = "whether the data would determine all weights equally well",
               .formula = "entropy of the deciles of the eigenvalues of the Fisher information of one weight "
                          "per convolution and linear operator, 8 labels drawn per image",
               .source = "Tybl and Neumann, Training-free NAS through variance of knowledge of deep network "
                         "weights, CVPR 2025 (arXiv 2502.04975)",
               .range = "0 .. log 9",
               .cost = ScoreCost::many_backwards,
               .conditions = ScoreConditions{.backward = BackwardSeed::sampled_labels}},
      .probe = make_probe<LikelihoodGradients>,
      .read = [](const Probe& probe) { return static_cast<const LikelihoodGradients&>(probe).score(); }};
}

}  // namespace assay
