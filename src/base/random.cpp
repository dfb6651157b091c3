#include "assay/base/random.hpp"

#include "assay/base/hash.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include <Random123/philox.h>

namespace assay {
namespace {

using Philox = r123::Philox4x32;

constexpr std::uint32_t stream_calls = 0, stream_bulk = 1;

Philox::ctr_type block_at(std::uint64_t key, std::uint32_t stream, std::uint64_t counter) {
  const Philox::ctr_type ctr = {
      {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), stream, 0}};
  const Philox::key_type k = {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}};
  return Philox{}(ctr, k);
}

// Bulk generation works on batches of blocks in separate arrays, which compilers vectorise; one batch is
// small enough to stay in the first-level cache.
constexpr int batch_blocks = 64;
struct Batch {
  std::uint32_t word[4][batch_blocks];
};

void generate(Batch& batch, std::uint64_t key, std::uint32_t stream, std::uint64_t counter) {
  constexpr std::uint64_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;
  constexpr std::uint32_t w0 = 0x9E3779B9, w1 = 0xBB67AE85;
  for (int i = 0; i < batch_blocks; ++i) {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter + static_cast<std::uint64_t>(i));
    std::uint32_t c1 = static_cast<std::uint32_t>((counter + static_cast<std::uint64_t>(i)) >> 32);
    std::uint32_t c2 = stream, c3 = 0;
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = m0 * c0, p1 = m1 * c2;
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
      const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<std::uint32_t>(p1);
      c3 = static_cast<std::uint32_t>(p0);
      c0 = n0;
      c2 = n2;
      k0 += w0;
      k1 += w1;
    }
    batch.word[0][i] = c0;
    batch.word[1][i] = c1;
    batch.word[2][i] = c2;
    batch.word[3][i] = c3;
  }
}

// Uniform in (0, 1]: 24 bits, never 0, so that its logarithm is finite.
float open_unit(std::uint32_t bits) {
  return (static_cast<float>(bits >> 8) + 0.5f) * 0x1p-24f;
}

// Natural logarithm of x in (0, 1], relative error below 1e-6: exponent plus atanh series on the mantissa in
// [sqrt(1/2), sqrt 2). Written out because library calls are neither vectorised nor the same on every
// machine.
float log_unit(float x) {
  const std::int32_t bits = std::bit_cast<std::int32_t>(x);
  const std::int32_t shifted = bits - 0x3f3504f3;  // sqrt(1/2)
  const std::int32_t exponent = shifted >> 23;
  const float m = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float s = (m - 1.0f) / (m + 1.0f);
  const float z = s * s;
  const float series = s * (2.0f + z * (0.66666667f + z * (0.4f + z * (0.28571429f + z * 0.22222222f))));
  return static_cast<float>(exponent) * 0.69314718f + series;
}

// sin and cos of 2 pi u for u in (0, 1]: reduced to an eighth turn, Taylor series.
void sincos_turn(float u, float& sine, float& cosine) {
  const float quadrant = std::floor(u * 4.0f + 0.5f);
  const float r = (u - quadrant * 0.25f) * 6.28318531f;
  const float z = r * r;
  const float s =
      r * (1.0f + z * (-0.16666667f + z * (8.3333333e-3f + z * (-1.9841270e-4f + z * 2.7557319e-6f))));
  const float c = 1.0f + z * (-0.5f + z * (4.1666667e-2f + z * (-1.3888889e-3f + z * 2.4801587e-5f)));
  const int q = static_cast<int>(quadrant) & 3;
  const float a = (q & 1) != 0 ? c : s;
  const float b = (q & 1) != 0 ? s : c;
  sine = (q & 2) != 0 ? -a : a;
  cosine = (q == 1 || q == 2) ? -b : b;
}

// Calls transform(batch, values) for each batch of 4 * batch_blocks values and copies what is wanted of it.
template <class Transform>
void fill(std::span<float> out, std::uint64_t key, std::uint64_t& counter, Transform transform) {
  Batch batch;
  std::array<float, 4 * batch_blocks> values;
  for (std::size_t done = 0; done < out.size(); done += values.size()) {
    generate(batch, key, stream_bulk, counter);
    transform(batch, values);
    const std::size_t wanted = std::min(values.size(), out.size() - done);
    std::copy_n(values.begin(), wanted, out.begin() + static_cast<std::ptrdiff_t>(done));
    counter += batch_blocks;
  }
}

}  // namespace

Random::Random(std::uint64_t seed, Purpose purpose, std::uint64_t fingerprint, std::uint64_t index)
    : key_(hash_combine(hash_combine(seed, static_cast<std::uint64_t>(purpose)),
                        hash_combine(fingerprint, index))) {}

void Random::refill() {
  const auto block = block_at(key_, stream_calls, counter_++);
  std::copy(block.begin(), block.end(), block_);
  used_ = 0;
}

Random::result_type Random::operator()() {
  if (used_ == 4) refill();
  return block_[used_++];
}

std::uint64_t Random::bits64() {
  const std::uint64_t high = (*this)();
  return high << 32 | (*this)();
}

double Random::uniform() {
  return static_cast<double>(bits64() >> 11) * 0x1p-53;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Values under `threshold` would make the first 2^64 mod bound results a little more likely: draw again.
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = bits64();
    if (value >= threshold) return value % bound;
  }
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(6.283185307179586 * uniform());
}

void Random::fill_normal(std::span<float> out, float mean, float standard_deviation) {
  fill(out, key_, counter_, [=](const Batch& batch, std::array<float, 4 * batch_blocks>& values) {
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < batch_blocks; ++i) {
        const float radius = std::sqrt(-2.0f * log_unit(open_unit(batch.word[2 * half][i])));
        float sine, cosine;
        sincos_turn(open_unit(batch.word[2 * half + 1][i]), sine, cosine);
        values[static_cast<std::size_t>(2 * half * batch_blocks + i)] =
            mean + standard_deviation * radius * cosine;
        values[static_cast<std::size_t>((2 * half + 1) * batch_blocks + i)] =
            mean + standard_deviation * radius * sine;
      }
    }
  });
}

void Random::fill_uniform(std::span<float> out, float low, float high) {
  fill(out, key_, counter_, [=](const Batch& batch, std::array<float, 4 * batch_blocks>& values) {
    for (int w = 0; w < 4; ++w) {
      for (int i = 0; i < batch_blocks; ++i) {
        values[static_cast<std::size_t>(w * batch_blocks + i)] =
            low + (high - low) * open_unit(batch.word[w][i]);
      }
    }
  });
}

void Random::fill_bits(std::span<result_type> out) {
  std::size_t done = 0;
  while (done < out.size() && used_ < 4) out[done++] = block_[used_++];
  Batch batch;
  while (out.size() - done >= 4 * batch_blocks) {
    generate(batch, key_, stream_calls, counter_);
    counter_ += batch_blocks;
    for (int i = 0; i < batch_blocks; ++i)
      for (int w = 0; w < 4; ++w) out[done++] = batch.word[w][i];
  }
  while (done < out.size()) out[done++] = (*this)();
}

void Random::fill_rademacher(std::span<float> out) {
  fill(out, key_, counter_, [](const Batch& batch, std::array<float, 4 * batch_blocks>& values) {
    for (int w = 0; w < 4; ++w) {
      for (int i = 0; i < batch_blocks; ++i) {
        values[static_cast<std::size_t>(w * batch_blocks + i)] =
            (batch.word[w][i] & 0x80000000u) != 0 ? 1.0f : -1.0f;
      }
    }
  });
}

}  // namespace assay
