// Layer norm over the channels of each pixel: y = scale (x - mean) / sqrt(variance + epsilon) + shift, the
// variance biased (Ba, Kiros and Hinton 2016, eq. 4; PyTorch's LayerNorm on channels last).
//
// A pixel's channels are a block's vectors, a whole plane apart, so pixels go in tiles: what one pass fetched
// of a plane the next still finds in the first-level cache. Backward computes mean and deviation again, which
// is cheaper than keeping them.
#include "kernels.hpp"
#include "parameters.hpp"
#include "vec.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

constexpr int tile = 8;  // pixels, whose sums fit the registers

template <int B>
ASSAY_INLINE float lane_sum(const Vec<B>& v) {
  float lanes[B];
  store<B>(lanes, v);
  for (int half = B / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <int B>
class LayerNormKernel : public Kernel {
 public:
  explicit LayerNormKernel(const LayerNorm& norm) : norm_(norm) {}

 protected:
  using V = Vec<B>;
  template <int T>
  struct Moments {
    float mean[T], inverse[T];  // 1 / sqrt(variance + epsilon)
  };

  // f(std::integral_constant<int, T>, offset) for every tile of T pixels.
  template <class F>
  ASSAY_INLINE void for_tiles(const Frame& frame, F&& f) const {
    const int pixels = norm_.extent.pixels();
    for (int n = 0; n < frame.images; ++n) {
      const std::int64_t image = n * norm_.extent.floats();
      int p = 0;
      for (; p + tile <= pixels; p += tile)
        f(std::integral_constant<int, tile>{}, image + std::int64_t{p} * B);
      for (; p < pixels; ++p) f(std::integral_constant<int, 1>{}, image + std::int64_t{p} * B);
    }
  }

  // f(pixel of the tile, first channel, offset from the tile's first float, real lanes) in order of blocks.
  template <int T, class F>
  ASSAY_INLINE void for_blocks(F&& f) const {
    const std::int64_t plane = std::int64_t{norm_.extent.pixels()} * B;
    std::int64_t at = 0;
    for (int c = 0; c < norm_.extent.padded; c += B, at += plane) {
      const int real = std::min(B, norm_.extent.channels - c);
      const auto lanes = static_cast<LaneBits<B>>((1u << real) - 1);
      for (int t = 0; t < T; ++t) f(t, c, at + t * B, lanes);
    }
  }

  template <int T>
  ASSAY_INLINE Moments<T> moments(const float* x) const {
    const float per_channel = 1.0f / static_cast<float>(norm_.extent.channels);
    Moments<T> m;
    V sum[T] = {}, square[T] = {};
    for_blocks<T>([&](int t, int, std::int64_t at, LaneBits<B>) { sum[t] = sum[t] + load<B>(x + at); });
    for (int t = 0; t < T; ++t) m.mean[t] = lane_sum<B>(sum[t]) * per_channel;
    for_blocks<T>([&](int t, int, std::int64_t at, LaneBits<B> lanes) {
      const V d = select<B>(lanes, load<B>(x + at) - m.mean[t], V{});
      square[t] = square[t] + d * d;
    });
    for (int t = 0; t < T; ++t)
      m.inverse[t] = 1.0f / std::sqrt(lane_sum<B>(square[t]) * per_channel + norm_.epsilon);
    return m;
  }

  LayerNorm norm_;
};

template <int B>
class Forward : public LayerNormKernel<B> {
 public:
  Forward(const LayerNorm& norm, BufferId x, BufferId y) : LayerNormKernel<B>(norm), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const float* x = frame[x_];
    float* y = frame[y_];
    this->for_tiles(frame, [&](auto size, std::int64_t at) { normalise<size.value>(x + at, y + at); });
  }

 private:
  template <int T>
  ASSAY_INLINE void normalise(const float* x, float* y) const {
    const auto m = this->template moments<T>(x);
    const float* scale = this->norm_.scale->value;
    const float* shift = this->norm_.shift->value;
    this->template for_blocks<T>([&](int t, int c, std::int64_t at, LaneBits<B> lanes) {
      const Vec<B> normalised = (load<B>(x + at) - m.mean[t]) * m.inverse[t];
      store<B>(y + at, select<B>(lanes, normalised * load<B>(scale + c) + load<B>(shift + c), Vec<B>{}));
    });
  }

  BufferId x_, y_;
};

// With g = scale dy and n the normalised x, means over channels:
// dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon).
template <int B>
class Gradient : public LayerNormKernel<B> {
 public:
  Gradient(const LayerNorm& norm, BufferId x, BufferId dy, BufferId dx, bool parameters)
      : LayerNormKernel<B>(norm),
        x_(x),
        dy_(dy),
        dx_(dx),
        scale_(parameters ? static_cast<std::size_t>(norm.extent.padded) : 0),
        shift_(scale_.size()) {}

  void run(const Frame& frame) override {
    if (frame.is_first()) {
      std::fill(scale_.begin(), scale_.end(), 0.0);
      std::fill(shift_.begin(), shift_.end(), 0.0);
    }
    const float* x = frame[x_];
    const float* dy = frame[dy_];
    float* dx = dx_ == no_buffer ? nullptr : frame[dx_];
    this->for_tiles(frame, [&](auto size, std::int64_t at) {
      const auto m = this->template moments<size.value>(x + at);
      if (dx != nullptr) propagate<size.value>(m, x + at, dy + at, dx + at);
      if (!scale_.empty()) add_up<size.value>(m, x + at, dy + at);
    });
    if (!frame.is_last() || scale_.empty()) return;
    std::copy(scale_.begin(), scale_.end(), this->norm_.scale->gradient);
    std::copy(shift_.begin(), shift_.end(), this->norm_.shift->gradient);
  }

 private:
  using V = Vec<B>;
  template <int T>
  using Moments = typename LayerNormKernel<B>::template Moments<T>;

  template <int T>
  ASSAY_INLINE void propagate(const Moments<T>& m, const float* x, const float* dy, float* dx) const {
    const float* scale = this->norm_.scale->value;
    const float per_channel = 1.0f / static_cast<float>(this->norm_.extent.channels);
    V sum[T] = {}, product[T] = {};
    this->template for_blocks<T>([&](int t, int c, std::int64_t at, LaneBits<B>) {
      const V g = load<B>(dy + at) * load<B>(scale + c);
      sum[t] = sum[t] + g;
      product[t] = product[t] + g * ((load<B>(x + at) - m.mean[t]) * m.inverse[t]);
    });
    float mean_g[T], mean_gn[T];
    for (int t = 0; t < T; ++t) {
      mean_g[t] = lane_sum<B>(sum[t]) * per_channel;
      mean_gn[t] = lane_sum<B>(product[t]) * per_channel;
    }
    this->template for_blocks<T>([&](int t, int c, std::int64_t at, LaneBits<B> lanes) {
      const V n = (load<B>(x + at) - m.mean[t]) * m.inverse[t];
      const V g = load<B>(dy + at) * load<B>(scale + c);
      store<B>(dx + at, select<B>(lanes, (g - mean_g[t] - n * mean_gn[t]) * m.inverse[t], V{}));
    });
  }

  template <int T>
  ASSAY_INLINE void add_up(const Moments<T>& m, const float* x, const float* dy) {
    V scale{}, shift{};
    this->template for_blocks<T>([&](int t, int c, std::int64_t at, LaneBits<B>) {
      const V g = load<B>(dy + at);
      scale = scale + g * ((load<B>(x + at) - m.mean[t]) * m.inverse[t]);
      shift = shift + g;
      if (t + 1 < T) return;
      add(scale, scale_.data() + c);
      add(shift, shift_.data() + c);
      scale = shift = V{};
    });
  }
  ASSAY_INLINE static void add(const V& v, double* to) {
    float lanes[B];
    store<B>(lanes, v);
    for (int i = 0; i < B; ++i) to[i] += static_cast<double>(lanes[i]);
  }

  BufferId x_, dy_, dx_;
  std::vector<double> scale_, shift_;  // the parameters' gradients so far
};

}  // namespace

std::unique_ptr<Kernel> make_layer_norm(const LayerNorm& norm, BufferId x, BufferId y) {
  return make_blocked<Forward>(norm, x, y);
}
std::unique_ptr<Kernel> make_layer_norm_gradient(const LayerNorm& norm, BufferId x, BufferId dy, BufferId dx,
                                                 bool parameters) {
  return make_blocked<Gradient>(norm, x, dy, dx, parameters);
}

}  // namespace assay
