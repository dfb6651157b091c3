// SWAP: how many different ways there are in which single units sort the images into active and inactive.
//
// NASWOT and TE-NAS take the pattern of all units for one image; SWAP takes the pattern of one unit over all
// images, of which there are enough to be told apart: 2^32 for the paper's 32 images. With fewer, wide
// networks show all of them (2^16 for 16 images) and the score saturates; so it has a pass of its own. The
// regularised form of the paper needs a size to aim at and is not offered: budgets do that here.
#include "activation_pattern.hpp"
#include "scores.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace assay {
namespace {

constexpr int swap_images = 32;

// Radix sort, least significant digit first: several times as fast as a comparison sort of a million keys.
void sort(std::vector<std::uint32_t>& keys) {
  constexpr unsigned digit_bits = 11;
  std::vector<std::uint32_t> sorted(keys.size());
  for (unsigned shift = 0; shift < 32; shift += digit_bits) {
    std::array<std::size_t, 1u << digit_bits> begin = {};
    const auto digit = [&](std::uint32_t key) { return (key >> shift) & ((1u << digit_bits) - 1); };
    for (const std::uint32_t key : keys) ++begin[digit(key)];
    std::size_t sum = 0;
    for (std::size_t& at : begin) sum += std::exchange(at, sum);
    for (const std::uint32_t key : keys) sorted[begin[digit(key)]++] = key;
    keys.swap(sorted);
  }
}

class UnitPatterns final : public ActivationProbe {
 public:
  using ActivationProbe::ActivationProbe;

  void see_output(OpId op, const TensorView& outputs) override {
    check_stop();
    const auto padded = append_unit_patterns(outputs, threshold(op), keys_);
    finite_ &= padded.has_value();
    padded_ += padded.value_or(0);
  }

  void after_forward(Executable& executable) override {
    ActivationProbe::after_forward(executable);
    sort(keys_);
    // Padding looks like units that are never active, which come first.
    const std::ranges::subrange keys(keys_.begin() + padded_, keys_.end());
    distinct_ = std::ranges::unique(keys).begin() - keys.begin();
    keys_ = {};
  }

  ScoreOutcome distinct() const {
    if (!finite_) return ScoreOutcome::failed("not_finite");
    return {static_cast<double>(distinct_), {}};
  }

 private:
  std::vector<std::uint32_t> keys_;  // of all units, padded ones among them
  std::int64_t padded_ = 0, distinct_ = 0;
};

}  // namespace

ScoreEntry swap_score() {
  return {
      .info = {.name = "swap",
               .summary = "how many different ways single units have to sort images",
               .formula = "number of distinct patterns of a unit's activity over 32 images, over all units",
               .source = "Peng et al., SWAP-NAS, ICLR 2024 (arXiv 2403.04161)",
               .range = "0 .. 2^32",
               .cost = ScoreCost::forward,
               .conditions = ScoreConditions{.images = swap_images}},
      .probe = make_probe<UnitPatterns>,
      .read = [](const Probe& probe) { return static_cast<const UnitPatterns&>(probe).distinct(); }};
}

}  // namespace assay
