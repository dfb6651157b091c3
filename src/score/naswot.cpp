// NASWOT: how well the pattern of active units tells the images of a batch apart.
//
// Image i has a binary code: for every ReLU-like unit of the network whether it is active. K_ij is the number
// of units on which i and j agree; the score is log |det K|. Mellor et al. define it for ReLU; an activation
// that follows the identity on one side and (nearly) nothing on the other (ReLU6, leaky ReLU, h-swish, SiLU,
// GELU, and tanh by its sign) is active where its output is positive, which is where its input is.
// Activations that are positive everywhere (sigmoid, h-sigmoid: gates) have no code.
#include "scores.hpp"
#include "spectrum.hpp"

#include <bit>
#include <cstring>

namespace assay {
namespace {

bool has_code(const Operator& op) {
  return op.kind == OpKind::activation && op.activation != Activation::sigmoid &&
         op.activation != Activation::h_sigmoid;
}

class ActivationCodes final : public Probe {
 public:
  using Probe::Probe;
  std::vector<OpId> forward_taps() const override {
    std::vector<OpId> ops;
    for (OpId id = 1; id < context_.network.size(); ++id)
      if (has_code(context_.network.op(id))) ops.push_back(id);
    return ops;
  }
  void see_output(OpId op, const TensorView& activations) override;

  Outcome log_determinant_of_kernel() const;

 private:
  std::int64_t units_ = 0;               // per image
  std::vector<std::int64_t> differing_;  // batch x batch, upper triangle
  bool finite_ = true;
};

using Floats [[gnu::vector_size(64)]] = float;
using Masks [[gnu::vector_size(64)]] = std::int32_t;
constexpr int word_lanes = 16;
constexpr int floats_per_group = 32 * word_lanes;

// The signs of 512 floats as 512 bits: bit k of lane j is float 16 k + j. The order does not matter as long
// as it is the same for all images; this one needs no shuffles.
void encode(const float* from, std::int64_t count, std::uint64_t* to) {
  for (; count > 0; count -= floats_per_group, from += floats_per_group, to += 8) {
    Masks word = {};
    if (count >= floats_per_group) {
      for (int k = 0; k < 32; ++k) {
        Floats x;
        std::memcpy(&x, from + k * word_lanes, sizeof x);
        word |= (x > 0) & static_cast<std::int32_t>(1u << k);
      }
    } else {
      for (std::int64_t i = 0; i < count; ++i)
        if (from[i] > 0) word[i % word_lanes] |= static_cast<std::int32_t>(1u << (i / word_lanes));
    }
    std::memcpy(to, &word, sizeof word);
  }
}

void ActivationCodes::see_output(OpId, const TensorView& activations) {
  const auto n = static_cast<std::size_t>(activations.batch);
  // Images are contiguous in every layout; zero padding is inactive for all of them.
  const std::int64_t stored = activations.image_stride;
  const auto words = static_cast<std::size_t>((stored + floats_per_group - 1) / floats_per_group) * 8;
  std::vector<std::uint64_t> codes(n * words);
  for (std::size_t i = 0; i < n; ++i)
    encode(activations.data + static_cast<std::int64_t>(i) * stored, stored, codes.data() + i * words);

  units_ += std::int64_t{activations.channels} * activations.pixels();
  differing_.resize(n * n, 0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) {
      const std::uint64_t *a = codes.data() + i * words, *b = codes.data() + j * words;
      std::int64_t bits = 0;
      for (std::size_t w = 0; w < words; ++w) bits += std::popcount(a[w] ^ b[w]);
      differing_[i * n + j] += bits;
    }
}

Outcome ActivationCodes::log_determinant_of_kernel() const {
  if (units_ == 0) return Outcome::failed("no_activation");
  const auto n = static_cast<std::size_t>(context_.batch);
  SquareMatrix kernel(context_.batch);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j)
      kernel(i, j) = kernel(j, i) = static_cast<double>(units_ - differing_[i * n + j]);
  const double value = log_determinant(kernel);
  return value > -std::numeric_limits<double>::infinity() ? Outcome{value, {}} : Outcome::failed("singular");
}

}  // namespace

ScoreEntry naswot_score() {
  return {.info = {.name = "naswot",
                   .summary = "how differently activation patterns code different inputs",
                   .formula = "log det K, K_ij = number of ReLU-like units on which images i and j agree",
                   .source = "Mellor et al., Neural architecture search without training, ICML 2021 (arXiv "
                             "2006.04647)",
                   .range = "any",
                   .cost = ScoreCost::forward,
                   .conditions = ScoreConditions{}},
          .probe = make_probe<ActivationCodes>,
          .read = [](const Probe& probe) {
            return static_cast<const ActivationCodes&>(probe).log_determinant_of_kernel();
          }};
}

}  // namespace assay
