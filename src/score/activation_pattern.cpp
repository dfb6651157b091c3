#include "activation_pattern.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace assay {
namespace {

constexpr int vector_floats = 16;
using Floats [[gnu::vector_size(64)]] = float;
using Masks [[gnu::vector_size(64)]] = std::int32_t;
// As many floats as make one vector of bits.
constexpr int group_floats = 32 * vector_floats;

// The activity of 512 floats as 512 bits: bit k of lane j is float 16 k + j, which needs no shuffles.
void encode(const float* from, std::int64_t count, float threshold, std::uint64_t* to, Masks& finite) {
  for (; count > 0; count -= group_floats, from += group_floats, to += 8) {
    Masks word = {};
    if (count >= group_floats) {
      for (int k = 0; k < 32; ++k) {
        Floats x;
        std::memcpy(&x, from + k * vector_floats, sizeof x);
        word |= (x > threshold) & static_cast<std::int32_t>(1u << k);
        finite &= x - x == 0;
      }
    } else {
      for (std::int64_t i = 0; i < count; ++i) {
        if (from[i] > threshold)
          word[i % vector_floats] |= static_cast<std::int32_t>(1u << (i / vector_floats));
        if (!std::isfinite(from[i])) finite[0] = 0;
      }
    }
    std::memcpy(to, &word, sizeof word);
  }
}

bool all(const Masks& mask) {
  bool result = true;
  for (int i = 0; i < vector_floats; ++i) result &= mask[i] != 0;
  return result;
}

}  // namespace

std::optional<float> activity_threshold(const Operator& op) {
  if (op.kind != OpKind::activation) return std::nullopt;
  switch (op.activation) {
    case Activation::sigmoid:
    case Activation::h_sigmoid:
      return 0.5f;
    case Activation::leaky_relu:
      if (op.parameter < 0) return std::nullopt;
      return 0.0f;
    default:
      return 0.0f;
  }
}

bool ActivationPattern::read(const TensorView& outputs, float threshold) {
  // Images are contiguous in every layout; padding is zero and so inactive for all of them.
  const std::int64_t stored = outputs.image_stride;
  words_ = static_cast<std::size_t>((stored + group_floats - 1) / group_floats) * 8;
  bits_.resize(static_cast<std::size_t>(images_) * words_);
  Masks finite = Masks{} - 1;
  for (int n = 0; n < images_; ++n)
    encode(outputs.data + n * stored, stored, threshold, bits_.data() + static_cast<std::size_t>(n) * words_,
           finite);
  return all(finite);
}

std::int64_t ActivationPattern::distance(int a, int b) const {
  const auto left = image(a), right = image(b);
  std::int64_t bits = 0;
  for (std::size_t w = 0; w < words_; ++w) bits += std::popcount(left[w] ^ right[w]);
  return bits;
}

std::optional<std::int64_t> append_unit_patterns(const TensorView& outputs, float threshold,
                                                 std::vector<std::uint32_t>& keys) {
  const std::int64_t stored = outputs.image_stride;
  const std::size_t before = keys.size();
  keys.resize(before + static_cast<std::size_t>(stored));
  std::uint32_t* to = keys.data() + before;
  Masks finite = Masks{} - 1;
  std::int64_t i = 0;
  for (; i + vector_floats <= stored; i += vector_floats) {
    Masks key = {};
    for (int n = 0; n < outputs.batch; ++n) {
      Floats x;
      std::memcpy(&x, outputs.data + n * stored + i, sizeof x);
      key |= (x > threshold) & static_cast<std::int32_t>(1u << n);
      finite &= x - x == 0;
    }
    std::memcpy(to + i, &key, sizeof key);
  }
  for (; i < stored; ++i) {
    std::uint32_t key = 0;
    for (int n = 0; n < outputs.batch; ++n) {
      const float x = outputs.data[n * stored + i];
      key |= static_cast<std::uint32_t>(x > threshold) << n;
      if (!std::isfinite(x)) finite[0] = 0;
    }
    to[i] = key;
  }
  if (!all(finite)) return std::nullopt;
  return stored - std::int64_t{outputs.channels} * outputs.pixels();
}

std::vector<OpId> ActivationProbe::forward_taps() const {
  std::vector<OpId> ops;
  for (OpId id = 1; id < context_.network.size(); ++id)
    if (activity_threshold(context_.network.op(id))) ops.push_back(id);
  return ops;
}

// Numbers that overflow behind the last activation.
void ActivationProbe::after_forward(Executable& executable) {
  finite_ &= std::ranges::all_of(executable.output(), [](float y) { return std::isfinite(y); });
}

float ActivationProbe::threshold(OpId activation) const {
  return activity_threshold(context_.network.op(activation)).value();
}

}  // namespace assay
