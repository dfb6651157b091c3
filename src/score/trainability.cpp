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
  bool takes_pieces() const override { return true; }
  std::vector<OpId> gradient_taps() const override {
    return {context_.blocks.begin(), context_.blocks.end()};
  }
  void see_gradient(OpId op, TensorView& gradient) override;

  std::span<const double> norms() const { return norms_; }
  std::string_view failure() const { return failure_; }

 private:
  // A block that signs were sent into, and what of the estimate of its Jacobian has arrived at its input.
  struct Block {
    OpId op;
    Grid map;
    int channels;
    std::optional<Signs> signs;  // until all has arrived
    std::vector<float> product = {};
  };
  void arrive(Block& block, const TensorView& gradient);

  std::vector<Block> blocks_;  // in the order of the backward pass
  std::vector<double> norms_;
  std::string_view failure_;
};

void BlockJacobians::see_gradient(OpId op, TensorView& gradient) {
  auto at = std::ranges::find(blocks_, op, &Block::op);
  if (at == blocks_.end()) {
    const auto index = std::ranges::find(context_.blocks, op) - context_.blocks.begin();
    Random random(context_.seed, Purpose::rademacher, 0, static_cast<std::uint64_t>(index));
    blocks_.push_back({.op = op,
                       .map = {gradient.height, gradient.width},
                       .channels = gradient.channels,
                       .signs = Signs(gradient, context_.batch, random)});
    at = blocks_.end() - 1;
  }
  if (at != blocks_.begin()) arrive(*(at - 1), gradient);
  at->signs->write(gradient);
}

void BlockJacobians::arrive(Block& block, const TensorView& gradient) {
  const Grid map = {gradient.height, gradient.width};
  const Grid grid = {std::min(map.height, block.map.height), std::min(map.width, block.map.width)};
  const Folding in(map, grid), out(block.map, grid);
  const int features = channel_groups(gradient.channels) * in.cell() * lanes;
  const int signs = channel_groups(block.channels) * out.cell() * lanes;
  if (std::max(features, signs) > max_spectrum_size) {
    failure_ = "too_large";
    return;
  }
  const auto height = static_cast<std::size_t>(features), width = static_cast<std::size_t>(signs);
  block.product.resize(height * width, 0.0f);
  const std::int64_t cells = std::int64_t{grid.height} * grid.width, rows = gradient.batch * cells;
  Panel left, right;
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    check_stop();
    const int count = static_cast<int>(std::min<std::int64_t>(chunk_rows, rows - first));
    pack(gradient, in, first, count, left);
    block.signs->pack(out, gradient.first_image * cells + first, count, right);
    add_product(left, right, block.product);
  }
  if (gradient.first_image + gradient.batch < context_.batch) return;
  norms_.push_back(spectral_norm(block.product, height, width, width) /
                   static_cast<double>(context_.batch * cells));
  block.signs.reset();
}

ScoreOutcome read(const Probe& probe) {
  const auto& blocks = static_cast<const BlockJacobians&>(probe);
  if (!blocks.failure().empty()) return ScoreOutcome::failed(blocks.failure());
  if (blocks.norms().empty()) return ScoreOutcome::failed("too_few_blocks");
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
