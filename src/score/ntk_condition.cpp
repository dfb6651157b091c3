// ntk_condition: whether gradient descent learns all directions of the data at about the same speed.
//
// The neural tangent kernel of images i and j is the product of the gradients of their outputs (the sum of
// the logits, as in TE-NAS) with respect to the weights of convolutions and linear operators; its eigenvalues
// are the speeds. Batch norm works on the statistics of the batch, so that an output's gradient also passes
// through the other images: each takes a backward pass of the whole batch.
//
// That is n passes of n images, and n gradients to keep: at most 16 images are seen, and networks with more
// than 2^27 / n weights (8.4 million for 16 images, 512 MiB) are too large.
#include "scores.hpp"
#include "spectrum.hpp"

namespace assay {
namespace {

constexpr std::size_t most_floats = std::size_t{1} << 27;

class ImageGradients final : public Probe {
 public:
  using Probe::Probe;
  void after_backward(Executable& executable) override;
  ScoreOutcome score() const;

 private:
  std::vector<float> rows_;  // one per image
  bool too_large_ = false;
};

void ImageGradients::after_backward(Executable& executable) {
  const auto parameters = executable.parameters();
  std::size_t weights = 0;
  for (const Parameter& parameter : parameters)
    if (parameter.role == ParameterRole::weight) weights += parameter.gradient.size();
  const std::size_t floats = weights * static_cast<std::size_t>(context_.batch);
  too_large_ = floats > most_floats;
  if (too_large_) return;
  rows_.reserve(floats);
  for (const Parameter& parameter : parameters)
    if (parameter.role == ParameterRole::weight)
      rows_.insert(rows_.end(), parameter.gradient.begin(), parameter.gradient.end());
}

ScoreOutcome ImageGradients::score() const {
  if (too_large_) return ScoreOutcome::failed("too_large");
  if (rows_.empty()) return ScoreOutcome::failed("no_weights");
  const std::vector<double> values = eigenvalues(gram(rows_, context_.batch));
  const double least = values.front(), largest = values.back();
  if (largest == 0) return ScoreOutcome::failed("constant_output");
  // Beyond what gradients in floats can tell.
  if (least <= context_.batch * std::numeric_limits<float>::epsilon() * largest)
    return ScoreOutcome::failed("singular");
  return {largest / least, {}};
}

}  // namespace

ScoreEntry ntk_condition_score() {
  return {.info = {.name = "ntk_condition",
                   .summary = "how unevenly gradient descent would learn the directions of the data",
                   .formula = "largest / smallest eigenvalue of J J^T, row i of J the gradient of the sum of "
                              "image i's outputs by all weights; at most 16 images",
                   .source = "Chen et al., TE-NAS, ICLR 2021 (arXiv 2102.11535)",
                   .range = ">= 1",
                   .direction = -1,
                   .cost = ScoreCost::image_gradients,
                   .conditions = ScoreConditions{.most_images = most_single_images,
                                                 .backward = BackwardSeed::each_image,
                                                 .weight_gradients = true}},
          .probe = make_probe<ImageGradients>,
          .read = [](const Probe& probe) { return static_cast<const ImageGradients&>(probe).score(); }};
}

}  // namespace assay
