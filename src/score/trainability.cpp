// AZ-NAS, trainability: gradients should keep their size through every block.
//
// The Jacobian of a block is taken as one linear map J of channels, the same at every position. A random sign
// tensor g sent backward through the block arrives as J^T g, so that the average over positions of
// (J^T g) g^T estimates J^T. Its largest singular value s should be 1: the score is the mean over the blocks
// but the first of -s - 1/s + 2, which is 0 there and negative elsewhere.
//
// One backward pass serves all blocks: at each block's output the arriving gradient is read and replaced by
// fresh signs. Where a block changes the resolution, the finer of the two gradients is folded (space to
// depth), so that both have the same positions.
#include "scores.hpp"
#include "signs.hpp"
#include "spectrum.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace assay {
namespace {

class BlockJacobians final : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> gradient_taps() const override {
    return {context_.blocks.begin(), context_.blocks.end()};
  }
  void see_gradient(OpId op, TensorView& gradient) override;

  std::span<const double> norms() const { return norms_; }
  std::string_view failure() const { return failure_; }

 private:
  // Of the block that `seed_` was sent into; `arrived` is the gradient at its input.
  double jacobian_norm(const TensorView& arrived);

  std::vector<double> norms_;  // last block first
  std::string_view failure_;
  std::optional<Signs> seed_;
  Grid seed_map_;
  int seed_channels_ = 0;
};

void BlockJacobians::see_gradient(OpId op, TensorView& gradient) {
  if (seed_) norms_.push_back(jacobian_norm(gradient));
  const auto block = std::ranges::find(context_.blocks, op) - context_.blocks.begin();
  Random random(context_.seed, Purpose::rademacher, 0, static_cast<std::uint64_t>(block));
  seed_.emplace(gradient, random);
  seed_map_ = {gradient.height, gradient.width};
  seed_channels_ = gradient.channels;
  seed_->write(gradient);
}

double BlockJacobians::jacobian_norm(const TensorView& arrived) {
  const Grid map = {arrived.height, arrived.width};
  const Grid grid = {std::min(map.height, seed_map_.height), std::min(map.width, seed_map_.width)};
  const Folding in(map, grid), out(seed_map_, grid);
  const int in_groups = channel_groups(arrived.channels) * in.cell();
  const int out_groups = channel_groups(seed_channels_) * out.cell();
  if (std::max(in_groups, out_groups) * lanes > max_spectrum_size) {
    failure_ = "too_large";
    return 0;
  }
  const auto columns = static_cast<std::size_t>(out_groups) * lanes;
  std::vector<float> product(static_cast<std::size_t>(in_groups) * lanes * columns, 0.0f);
  const std::int64_t rows = std::int64_t{arrived.batch} * grid.height * grid.width;
  Panel left, right;
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    check_stop();
    const int count = static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first));
    pack(arrived, in, first, count, left);
    seed_->pack(out, first, count, right);
    add_product(left, right, product);
  }
  return spectral_norm(product, static_cast<std::size_t>(in_groups) * lanes, columns, columns) /
         static_cast<double>(rows);
}

Outcome read(const Probe& probe) {
  const auto& blocks = static_cast<const BlockJacobians&>(probe);
  if (!blocks.failure().empty()) return Outcome::failed(blocks.failure());
  if (blocks.norms().empty()) return Outcome::failed("too_few_blocks");
  double sum = 0;
  for (const double norm : blocks.norms()) sum += 2 - norm - 1 / norm;
  return {sum / static_cast<double>(blocks.norms().size()), {}};
}

}  // namespace

ScoreEntry trainability_score() {
  return {.info = {.name = "trainability",
                   .summary = "whether gradients keep their size through every block",
                   .formula = "mean over blocks of 2 - s - 1/s, s the spectral norm of the block's Jacobian",
                   .source = "Lee and Ham, AZ-NAS, CVPR 2024 (arXiv 2403.19232)",
                   .range = "<= 0",
                   .cost = ScoreCost::backward,
                   .conditions = ScoreConditions{.backward = BackwardSeed::rademacher}},
          .probe = make_probe<BlockJacobians>,
          .read = read};
}

}  // namespace assay
