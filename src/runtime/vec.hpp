// Vectors of one channel block. The compiler turns them into whatever the CPU has (one AVX-512 register for
// 16 floats).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

namespace assay {

template <int N>
struct VecOf;
template <>
struct VecOf<8> {
  using type = float __attribute__((vector_size(32)));
  using integer = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct VecOf<16> {
  using type = float __attribute__((vector_size(64)));
  using integer = std::int32_t __attribute__((vector_size(64)));
};
template <int N>
using Vec = typename VecOf<N>::type;
template <int N>
using IntVec = typename VecOf<N>::integer;

#define ASSAY_INLINE [[gnu::always_inline]] inline

template <int N>
ASSAY_INLINE Vec<N> load(const float* p) {
  Vec<N> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <int N>
ASSAY_INLINE void store(float* p, const Vec<N>& v) {
  std::memcpy(p, &v, sizeof v);
}

template <int N>
ASSAY_INLINE Vec<N> broadcast(float x) {
  return Vec<N>{} + x;
}

// Lane-wise a < b ? x : y and friends read as plain conditionals; these two also let NaN through from `a`.
template <class V>
ASSAY_INLINE V at_most(const V& a, float limit) {
  return a > limit ? V{} + limit : a;
}
template <class V>
ASSAY_INLINE V at_least(const V& a, float limit) {
  return a < limit ? V{} + limit : a;
}

// One bit per lane of a comparison's result, and back: `bits` selects x where its bit is set, y elsewhere.
template <int N>
using LaneBits = std::conditional_t<N == 16, std::uint16_t, std::uint8_t>;

template <int N>
ASSAY_INLINE LaneBits<N> lane_bits(const IntVec<N>& condition) {
#if defined(__AVX512DQ__) && defined(__AVX512VL__)
  if constexpr (N == 16) {
    __m512i v;
    std::memcpy(&v, &condition, sizeof v);
    return _mm512_movepi32_mask(v);
  } else {
    __m256i v;
    std::memcpy(&v, &condition, sizeof v);
    return _mm256_movepi32_mask(v);
  }
#else
  std::int32_t lanes[N];
  std::memcpy(lanes, &condition, sizeof lanes);
  unsigned bits = 0;
  for (int i = 0; i < N; ++i) bits |= (lanes[i] != 0 ? 1u : 0u) << i;
  return static_cast<LaneBits<N>>(bits);
#endif
}

// Written out: GCC 12 with sanitizers gets a loop over the lanes of a vector wrong.
template <int N>
ASSAY_INLINE IntVec<N> bit_of_lane() {
  if constexpr (N == 16) {
    return IntVec<16>{1 << 0, 1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                      1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  } else {
    return IntVec<8>{1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7};
  }
}

template <int N>
ASSAY_INLINE Vec<N> select(LaneBits<N> bits, const Vec<N>& x, const Vec<N>& y) {
  return (bit_of_lane<N>() & static_cast<std::int32_t>(bits)) != 0 ? x : y;
}

// e^x to about 2 ulp: 2^n * p(r), |r| <= ln 2 / 2, with the polynomial of Cephes' expf. Saturates instead of
// overflowing at the float range's ends; NaN stays NaN.
template <int N>
ASSAY_INLINE Vec<N> exponential(const Vec<N>& x) {
  using V = Vec<N>;
  using I = IntVec<N>;
  const V bounded = at_least(at_most(x, 88.3762626647949f), -87.3365447505531f);
  const float round =
      12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low mantissa bits
  const V shifted = bounded * 1.44269504088896341f + round;
  const V n = shifted - round;
  V r = bounded - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  I bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + (127 << 23);  // the low mantissa bits of `shifted` are n
  V power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

}  // namespace assay
