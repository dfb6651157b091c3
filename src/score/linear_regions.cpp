// Linear regions: how many pieces the network cuts its input space into.
//
// TE-NAS counts the distinct activation patterns of many tiny random images. That works on the thin networks
// (one channel) that it scores; at full width each of 512 random images has a pattern of its own in every
// network, and the count says nothing. Regions can still be counted along a line (Hanin and Rolnick), or a
// curve (Raghu et al.): the images are neighbours on a closed one, a great circle between two random images,
// and each unit that switches from one to the next is the border of a region that was crossed. Units that
// switch to and fro between neighbours are missed: the count is a lower bound.
//
// The images are 128 of 4x4 pixels: the smallest size that two halvings without padding leave a pixel of. A
// network that vanishes at 4x4 runs at the least of 8x8, 16x16, ... or its own resolution that it works at.
#include "activation_pattern.hpp"
#include "scores.hpp"

#include <algorithm>

namespace assay {
namespace {

class Crossings final : public ActivationProbe {
 public:
  using ActivationProbe::ActivationProbe;

  void see_output(OpId op, const TensorView& outputs) override {
    ActivationPattern pattern(outputs.batch);
    finite_ &= pattern.read(outputs, threshold(op));
    for (int i = 0; i < outputs.batch; ++i) crossed_ += pattern.distance(i, (i + 1) % outputs.batch);
  }

  ScoreOutcome regions() const {
    if (!finite_) return ScoreOutcome::failed("not_finite");
    // Where no border is crossed, all is one region.
    return {static_cast<double>(std::max<std::int64_t>(crossed_, 1)), {}};
  }

 private:
  std::int64_t crossed_ = 0;
};

}  // namespace

ScoreEntry linear_regions_score() {
  return {
      .info = {.name = "linear_regions",
               .summary = "how many linear pieces of the network a closed curve of inputs crosses",
               .formula = "units that switch between neighbours of 128 tiny images on a great circle of "
                          "inputs, summed; 1 where none does",
               .source = "Chen et al., TE-NAS, ICLR 2021 (arXiv 2102.11535); counted along a curve as in "
                         "Raghu et al., ICML 2017 (arXiv 1606.05336)",
               .range = ">= 1",
               .cost = ScoreCost::tiny_images,
               .conditions = ScoreConditions{.input = ScoreInput::circle, .images = 128, .resolution = 4}},
      .probe = make_probe<Crossings>,
      .read = [](const Probe& probe) { return static_cast<const Crossings&>(probe).regions(); }};
}

}  // namespace assay
