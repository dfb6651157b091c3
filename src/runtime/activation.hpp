// The nine activations and their derivatives on vectors.
//
// A derivative is taken from the function's input, or, where the function can be inverted far enough, from
// its output: then the input need not survive the forward pass.
#pragma once

#include "assay/network/operator.hpp"

#include "vec.hpp"

#include <type_traits>
#include <utility>

namespace assay {

struct ActivationFunction {
  Activation kind = Activation::relu;
  float parameter = 0;

  bool derivative_from_output() const {
    switch (kind) {
      case Activation::h_swish:
      case Activation::silu:
      case Activation::gelu:
        return false;
      case Activation::leaky_relu:
        return parameter >= 0;
      default:
        return true;
    }
  }
  // The derivative takes two values, so that a bit per element is all that backward needs.
  bool has_two_slopes() const {
    return kind == Activation::relu || kind == Activation::relu6 || kind == Activation::leaky_relu;
  }
  float lower_slope() const { return kind == Activation::leaky_relu ? parameter : 0.0f; }
  // f(0) != 0 spoils the zero padding of the last channel block.
  bool keeps_zero() const { return kind != Activation::sigmoid && kind != Activation::h_sigmoid; }
  friend bool operator==(const ActivationFunction&, const ActivationFunction&) = default;
};

template <int N>
ASSAY_INLINE Vec<N> sigmoid(const Vec<N>& x) {
  return 1.0f / (1.0f + exponential<N>(-x));
}

// Near zero 1 - 2 / (1 + e^2x) cancels, so there an odd polynomial (Cephes) takes over.
template <int N>
ASSAY_INLINE Vec<N> hyperbolic_tangent(const Vec<N>& x) {
  using V = Vec<N>;
  const V z = x * x;
  V p = z * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * z + -5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z + -3.33332819422e-1f;
  const V small = p * z * x + x;
  const V large = 1.0f - 2.0f / (1.0f + exponential<N>(x + x));
  return z < 0.390625f ? small : large;
}

// Phi(x) = (1 + erf(x / sqrt 2)) / 2, with erf from Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
template <int N>
ASSAY_INLINE Vec<N> normal_cdf(const Vec<N>& x) {
  using V = Vec<N>;
  const V z = x < 0.0f ? x * -0.70710678118654752f : x * 0.70710678118654752f;
  const V t = 1.0f / (1.0f + 0.3275911f * z);
  V p = t * 1.061405429f + -1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t + -0.284496736f;
  p = p * t + 0.254829592f;
  const V tail = 0.5f * p * t * exponential<N>(-z * z);
  return x < 0.0f ? tail : 1.0f - tail;
}

template <Activation kind, int N>
ASSAY_INLINE Vec<N> activate(const Vec<N>& x, float parameter) {
  using V = Vec<N>;
  if constexpr (kind == Activation::relu) return x < 0.0f ? V{} : x;
  if constexpr (kind == Activation::relu6) return at_most(at_least(x, 0), 6);
  if constexpr (kind == Activation::leaky_relu) return x < 0.0f ? x * parameter : x;
  if constexpr (kind == Activation::h_swish) return x * at_most(at_least(x + 3.0f, 0), 6) * (1.0f / 6.0f);
  if constexpr (kind == Activation::h_sigmoid) return at_most(at_least(x + 3.0f, 0), 6) * (1.0f / 6.0f);
  if constexpr (kind == Activation::silu) return x * sigmoid<N>(x);
  if constexpr (kind == Activation::sigmoid) return sigmoid<N>(x);
  if constexpr (kind == Activation::tanh) return hyperbolic_tangent<N>(x);
  if constexpr (kind == Activation::gelu) return x * normal_cdf<N>(x);
}

// f'(x) where `value` is x (from_output false) or f(x) (true).
template <Activation kind, bool from_output, int N>
ASSAY_INLINE Vec<N> derivative(const Vec<N>& value, float parameter) {
  using V = Vec<N>;
  const V zero{};
  const V one = zero + 1.0f;
  if constexpr (kind == Activation::relu) return value > 0.0f ? one : zero;
  if constexpr (kind == Activation::relu6) {
    const V below = value < 6.0f ? one : zero;
    return value > 0.0f ? below : zero;
  }
  if constexpr (kind == Activation::leaky_relu) return value > 0.0f ? one : zero + parameter;
  if constexpr (kind == Activation::h_swish) {
    const V slope = value < 3.0f ? (2.0f * value + 3.0f) * (1.0f / 6.0f) : one;
    return value > -3.0f ? slope : zero;
  }
  if constexpr (kind == Activation::h_sigmoid) {
    const float low = from_output ? 0.0f : -3.0f;
    const float high = from_output ? 1.0f : 3.0f;
    const V slope = value < high ? zero + 1.0f / 6.0f : zero;
    return value > low ? slope : zero;
  }
  if constexpr (kind == Activation::silu) {
    const V s = sigmoid<N>(value);
    return s * (1.0f + value * (1.0f - s));
  }
  if constexpr (kind == Activation::sigmoid) {
    const V s = from_output ? value : sigmoid<N>(value);
    return s * (1.0f - s);
  }
  if constexpr (kind == Activation::tanh) {
    const V t = from_output ? value : hyperbolic_tangent<N>(value);
    return 1.0f - t * t;
  }
  if constexpr (kind == Activation::gelu) {
    const V density = 0.39894228040143268f * exponential<N>(-0.5f * value * value);
    return normal_cdf<N>(value) + value * density;
  }
}

// Where the slope of an activation with two slopes is 1, given its input.
template <Activation kind, int N>
ASSAY_INLINE LaneBits<N> upper_slope(const Vec<N>& x) {
  if constexpr (kind == Activation::relu6) return lane_bits<N>((x > 0.0f) & (x < 6.0f));
  return lane_bits<N>(x > 0.0f);
}

// Calls f(std::integral_constant<Activation, kind>) for the runtime value.
template <class F>
ASSAY_INLINE void with_activation(Activation kind, F&& f) {
  switch (kind) {
#define ASSAY_CASE(name)                                       \
  case Activation::name:                                       \
    f(std::integral_constant<Activation, Activation::name>{}); \
    break;
    ASSAY_CASE(relu)
    ASSAY_CASE(relu6)
    ASSAY_CASE(leaky_relu)
    ASSAY_CASE(h_swish)
    ASSAY_CASE(h_sigmoid)
    ASSAY_CASE(silu)
    ASSAY_CASE(sigmoid)
    ASSAY_CASE(tanh)
    ASSAY_CASE(gelu)
#undef ASSAY_CASE
  }
}

}  // namespace assay
