// Participation ratio: how many dimensions the features of every block fill.
//
// Of eigenvalues l of the covariance of a block's channels, (sum l)^2 / sum l^2: c where all are equal, 1
// where one holds all the variance. Both sums stand in the matrix itself (its trace, and the sum of its
// squares), so no eigenvalue is computed: expressivity asks much the same with an entropy and costs more.
// Constant features fill no dimension: 0.
#include "block_features.hpp"
#include "scores.hpp"

namespace assay {
namespace {

class BlockParticipation final : public BlockFeatures {
 public:
  using BlockFeatures::BlockFeatures;

 private:
  double number_of(const SquareMatrix& covariance) const override {
    double trace = 0, squares = 0;
    for (std::size_t i = 0; i < covariance.size(); ++i) {
      trace += covariance(i, i);
      squares += covariance(i, i) * covariance(i, i);
      for (std::size_t j = 0; j < i; ++j) squares += 2 * covariance(i, j) * covariance(i, j);
    }
    return squares == 0 ? 0 : trace / squares * trace;
  }
};

}  // namespace

ScoreEntry participation_ratio_score() {
  return {
      .info = {.name = "participation_ratio",
               .summary = "how many dimensions the features of all blocks fill",
               .formula = "sum over blocks of (sum l)^2 / sum l^2, l the eigenvalues of the covariance of "
                          "the output's channels",
               .source = "Zhou et al., InTrain, CVPR 2026 (arXiv 2606.18676), its geometric capacity; Gao "
                         "et al., 2017 (bioRxiv 214262)",
               .range = ">= 0, at most the sum of the blocks' channels",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{}},
      .probe = make_probe<BlockParticipation>,
      .read = [](const Probe& probe) {
        return static_cast<const BlockParticipation&>(probe).read(1, sum_over_blocks);
      }};
}

}  // namespace assay
