// Pooling over windows and over whole images, on channel blocks: a vector is one pixel of one block.
#include "kernels.hpp"
#include "vec.hpp"

#include <algorithm>

namespace assay {

namespace {

// The taps [begin, end) of output position `o` that fall inside the image, and where the first would lie.
struct Span {
  int begin, end, origin;
};

Span taps(int o, int stride, int pad, int kernel, int dilation, int size) {
  const int origin = o * stride - pad;
  const int begin = origin >= 0 ? 0 : (-origin + dilation - 1) / dilation;
  const int end = origin >= size ? 0 : std::min(kernel, (size - 1 - origin) / dilation + 1);
  return {begin, std::max(begin, end), origin};
}

template <int B>
class PoolBase : public Kernel {
 public:
  explicit PoolBase(const PoolGeometry& geometry) : g_(geometry) {}

 protected:
  Span rows(int y) const {
    const Window& w = g_.window;
    return taps(y, w.stride_h, w.pad_top, w.kernel_h, w.dilation_h, g_.in.height);
  }
  Span columns(int x) const {
    const Window& w = g_.window;
    return taps(x, w.stride_w, w.pad_left, w.kernel_w, w.dilation_w, g_.in.width);
  }
  float weight(const Span& r, const Span& c) const {
    const int count = g_.count_include_pad ? g_.window.kernel_h * g_.window.kernel_w
                                           : (r.end - r.begin) * (c.end - c.begin);
    return 1.0f / static_cast<float>(std::max(count, 1));
  }
  // f(input offset) for every tap of the window, in row order.
  template <class F>
  ASSAY_INLINE void for_each_tap(const Span& r, const Span& c, F&& f) const {
    for (int i = r.begin; i < r.end; ++i) {
      const int y = r.origin + i * g_.window.dilation_h;
      for (int j = c.begin; j < c.end; ++j) {
        const int x = c.origin + j * g_.window.dilation_w;
        f((std::int64_t{y} * g_.in.width + x) * B);
      }
    }
  }
  // The window's maximum; NaN wins, as in PyTorch.
  ASSAY_INLINE Vec<B> maximum(const float* plane, const Span& r, const Span& c) const {
    Vec<B> best = broadcast<B>(-__builtin_inff());
    for_each_tap(r, c, [&](std::int64_t at) {
      const Vec<B> v = load<B>(plane + at);
      best = v <= best ? best : v;
    });
    return best;
  }

  PoolGeometry g_;
};

template <int B>
class Pool : public PoolBase<B> {
 public:
  Pool(const PoolGeometry& geometry, BufferId x, BufferId y) : PoolBase<B>(geometry), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const PoolGeometry& g = this->g_;
    const float* in = frame[x_];
    float* out = frame[y_];
    for (int plane = 0; plane < frame.images * (g.in.padded / B); ++plane) {
      for (int y = 0; y < g.out.height; ++y) {
        const Span r = this->rows(y);
        for (int x = 0; x < g.out.width; ++x, out += B) {
          const Span c = this->columns(x);
          if (g.maximum) {
            store<B>(out, this->maximum(in, r, c));
          } else {
            Vec<B> sum{};
            this->for_each_tap(r, c, [&](std::int64_t at) { sum = sum + load<B>(in + at); });
            store<B>(out, sum * this->weight(r, c));
          }
        }
      }
      in += std::int64_t{g.in.pixels()} * B;
    }
  }

 private:
  BufferId x_, y_;
};

template <int B>
class PoolGradient : public PoolBase<B> {
 public:
  PoolGradient(const PoolGeometry& geometry, BufferId x, BufferId dy, BufferId dx)
      : PoolBase<B>(geometry), x_(x), dy_(dy), dx_(dx) {}

  void run(const Frame& frame) override {
    const PoolGeometry& g = this->g_;
    const float* in = g.maximum ? frame[x_] : nullptr;
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    const std::int64_t plane_floats = std::int64_t{g.in.pixels()} * B;
    for (int plane = 0; plane < frame.images * (g.in.padded / B); ++plane, dx += plane_floats) {
      std::fill_n(dx, plane_floats, 0.0f);
      for (int y = 0; y < g.out.height; ++y) {
        const Span r = this->rows(y);
        for (int x = 0; x < g.out.width; ++x, dy += B) {
          const Span c = this->columns(x);
          if (g.maximum) {
            to_maximum(in, load<B>(dy), dx, r, c);
          } else {
            const Vec<B> share = load<B>(dy) * this->weight(r, c);
            this->for_each_tap(r, c, [&](std::int64_t at) { store<B>(dx + at, load<B>(dx + at) + share); });
          }
        }
      }
      if (in != nullptr) in += plane_floats;
    }
  }

 private:
  // All of the gradient goes to the first tap that holds the maximum.
  ASSAY_INLINE void to_maximum(const float* in, const Vec<B>& gradient, float* dx, const Span& r,
                               const Span& c) {
    const Vec<B> best = this->maximum(in, r, c);
    Vec<B> left = gradient;
    this->for_each_tap(r, c, [&](std::int64_t at) {
      const Vec<B> v = load<B>(in + at);
      const Vec<B> zero{};
      const Vec<B> taken = v == best ? left : zero;
      store<B>(dx + at, load<B>(dx + at) + taken);
      left = v == best ? zero : left;
    });
  }

  BufferId x_, dy_, dx_;
};

template <int B>
class GlobalPool : public Kernel {
 public:
  GlobalPool(bool maximum, const Extent& in, BufferId x, BufferId y)
      : maximum_(maximum), in_(in), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const float* in = frame[x_];
    float* out = frame[y_];
    const int pixels = in_.pixels();
    for (int plane = 0; plane < frame.images * (in_.padded / B); ++plane, out += B) {
      if (maximum_) {
        Vec<B> best = load<B>(in);
        for (int p = 0; p < pixels; ++p, in += B) {
          const Vec<B> v = load<B>(in);
          best = v <= best ? best : v;
        }
        store<B>(out, best);
      } else {
        Vec<B> sum[4] = {};
        for (int p = 0; p < pixels; ++p, in += B) sum[p & 3] = sum[p & 3] + load<B>(in);
        store<B>(out, ((sum[0] + sum[1]) + (sum[2] + sum[3])) * (1.0f / static_cast<float>(pixels)));
      }
    }
  }

 private:
  bool maximum_;
  Extent in_;
  BufferId x_, y_;
};

template <int B>
class GlobalPoolGradient : public Kernel {
 public:
  GlobalPoolGradient(bool maximum, const Extent& in, BufferId x, BufferId y, BufferId dy, BufferId dx)
      : maximum_(maximum), in_(in), x_(x), y_(y), dy_(dy), dx_(dx) {}

  void run(const Frame& frame) override {
    const int pixels = in_.pixels();
    const int planes = frame.images * (in_.padded / B);
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    if (!maximum_) {
      for (int plane = 0; plane < planes; ++plane, dy += B) {
        const Vec<B> share = load<B>(dy) * (1.0f / static_cast<float>(pixels));
        for (int p = 0; p < pixels; ++p, dx += B) store<B>(dx, share);
      }
      return;
    }
    const float* x = frame[x_];
    const float* y = frame[y_];
    for (int plane = 0; plane < planes; ++plane, dy += B, y += B) {
      const Vec<B> best = load<B>(y);
      const Vec<B> zero{};
      Vec<B> left = load<B>(dy);
      for (int p = 0; p < pixels; ++p, x += B, dx += B) {
        const Vec<B> v = load<B>(x);
        store<B>(dx, v == best ? left : zero);
        left = v == best ? zero : left;
      }
    }
  }

 private:
  bool maximum_;
  Extent in_;
  BufferId x_, y_, dy_, dx_;
};

}  // namespace

std::unique_ptr<Kernel> make_pool(const PoolGeometry& geometry, BufferId x, BufferId y) {
  return make_blocked<Pool>(geometry, x, y);
}
std::unique_ptr<Kernel> make_pool_gradient(const PoolGeometry& geometry, BufferId x, BufferId dy,
                                           BufferId dx) {
  return make_blocked<PoolGradient>(geometry, x, dy, dx);
}
std::unique_ptr<Kernel> make_global_pool(bool maximum, const Extent& in, BufferId x, BufferId y) {
  return make_blocked<GlobalPool>(maximum, in, x, y);
}
std::unique_ptr<Kernel> make_global_pool_gradient(bool maximum, const Extent& in, BufferId x, BufferId y,
                                                  BufferId dy, BufferId dx) {
  return make_blocked<GlobalPoolGradient>(maximum, in, x, y, dy, dx);
}

}  // namespace assay
