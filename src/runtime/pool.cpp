// Pooling over windows and over whole images, on channel blocks: a vector is one pixel of one block.
#include "kernels.hpp"
#include "vec.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

namespace assay {

namespace {

// Positions first, first + step, ... of one axis.
struct Span {
  int first = 0, count = 0, step = 1;
};

// The geometry of one axis.
struct Axis {
  Axis(int in, int out, int kernel, int stride, int dilation, int pad)
      : taps(static_cast<std::size_t>(out), {.step = dilation}), readers(static_cast<std::size_t>(in)) {
    for (int o = 0; o < out; ++o) {
      for (int k = 0; k < kernel; ++k) {
        const int i = o * stride - pad + k * dilation;
        if (i < 0 || i >= in) continue;
        append(taps[static_cast<std::size_t>(o)], i);
        append(readers[static_cast<std::size_t>(i)], o);
      }
    }
  }

  std::vector<Span> taps;     // by output position: the inputs inside the image that it reads
  std::vector<Span> readers;  // by input position: the outputs that read it

 private:
  // Both kinds are evenly spaced.
  static void append(Span& span, int position) {
    if (span.count == 0) span.first = position;
    if (span.count == 1) span.step = position - span.first;
    ++span.count;
  }
};

// Calls f(count), as a constant where it is small: then the loops over a window's taps unroll.
template <class F>
ASSAY_INLINE void with_count(int count, F&& f) {
  switch (count) {
    case 1:
      return f(std::integral_constant<int, 1>{});
    case 2:
      return f(std::integral_constant<int, 2>{});
    case 3:
      return f(std::integral_constant<int, 3>{});
    default:
      return f(count);
  }
}

template <int B>
class PoolBase : public Kernel {
 public:
  explicit PoolBase(const PoolGeometry& g)
      : g_(g),
        rows_(g.in.height, g.out.height, g.window.kernel_h, g.window.stride_h, g.window.dilation_h,
              g.window.pad_top),
        columns_(g.in.width, g.out.width, g.window.kernel_w, g.window.stride_w, g.window.dilation_w,
                 g.window.pad_left),
        row_floats_(std::int64_t{g.in.width} * B),
        row_shares_(shares(rows_.taps, g.window.kernel_h)),
        column_shares_(shares(columns_.taps, g.window.kernel_w)) {}

 protected:
  int planes(const Frame& frame) const { return frame.images * (g_.in.padded / B); }

  PoolGeometry g_;
  Axis rows_, columns_;
  std::int64_t row_floats_;  // of the input
  // By output position, along either axis: what a sum over the window is multiplied with.
  std::vector<float> row_shares_, column_shares_;

 private:
  std::vector<float> shares(const std::vector<Span>& taps, int kernel) const {
    std::vector<float> result;
    for (const Span& each : taps) {
      const int divisor = g_.maximum ? 1 : g_.count_include_pad ? kernel : std::max(each.count, 1);
      result.push_back(1.0f / static_cast<float>(divisor));
    }
    return result;
  }
};

// NaN wins, as in PyTorch.
template <int B>
ASSAY_INLINE Vec<B> larger(const Vec<B>& best, const Vec<B>& v) {
  return v <= best ? best : v;
}

// Sums and maxima over a window are taken down its columns first, then along its row.
template <int B>
class Pool : public PoolBase<B> {
 public:
  Pool(const PoolGeometry& geometry, BufferId x, BufferId y)
      : PoolBase<B>(geometry), x_(x), y_(y), row_(static_cast<std::size_t>(this->row_floats_)) {}

  void run(const Frame& frame) override {
    if (this->g_.maximum) {
      pool(frame, -std::numeric_limits<float>::infinity(),
           [](const Vec<B>& a, const Vec<B>& b) { return larger<B>(a, b); });
    } else {
      pool(frame, 0.0f, [](const Vec<B>& a, const Vec<B>& b) { return a + b; });
    }
  }

 private:
  template <class Combine>
  ASSAY_INLINE void pool(const Frame& frame, float start, Combine&& combine) {
    const float* in = frame[x_];
    float* out = frame[y_];
    float* row = row_.data();
    const std::int64_t row_floats = this->row_floats_;
    for (int plane = 0; plane < this->planes(frame); ++plane, in += this->g_.in.height * row_floats) {
      for (std::size_t y = 0; y < this->rows_.taps.size(); ++y) {
        const Span& r = this->rows_.taps[y];
        const float* top = in + r.first * row_floats;
        with_count(r.count, [&](auto count) {
          for (std::int64_t x = 0; x < row_floats; x += B) {
            Vec<B> v = broadcast<B>(start);
            for (int i = 0; i < count; ++i) v = combine(v, load<B>(top + i * r.step * row_floats + x));
            store<B>(row + x, v * this->row_shares_[y]);
          }
        });
        for (std::size_t x = 0; x < this->columns_.taps.size(); ++x, out += B) {
          const Span& c = this->columns_.taps[x];
          const float* left = row + std::int64_t{c.first} * B;
          with_count(c.count, [&](auto count) {
            Vec<B> v = broadcast<B>(start);
            for (int i = 0; i < count; ++i) v = combine(v, load<B>(left + std::int64_t{i} * c.step * B));
            store<B>(out, v * this->column_shares_[x]);
          });
        }
      }
    }
  }

  BufferId x_, y_;
  std::vector<float> row_;
};

// Every input gathers its share from the windows that it is in: down columns first, then along its row.
template <int B>
class AveragePoolGradient : public PoolBase<B> {
 public:
  AveragePoolGradient(const PoolGeometry& geometry, BufferId dy, BufferId dx)
      : PoolBase<B>(geometry), dy_(dy), dx_(dx), row_(static_cast<std::size_t>(geometry.out.width * B)) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    const std::int64_t row_floats = std::int64_t{this->g_.out.width} * B;
    for (int plane = 0; plane < this->planes(frame); ++plane, dy += this->g_.out.height * row_floats) {
      for (const Span& r : this->rows_.readers) {
        with_count(r.count, [&](auto count) { gather_row(dy + r.first * row_floats, r, count); });
        for (const Span& c : this->columns_.readers) {
          const float* left = row_.data() + std::int64_t{c.first} * B;
          with_count(c.count, [&](auto count) {
            Vec<B> sum{};
            for (int i = 0; i < count; ++i) sum = sum + load<B>(left + std::int64_t{i} * c.step * B);
            store<B>(dx, sum);
          });
          dx += B;
        }
      }
    }
  }

 private:
  template <class Count>
  ASSAY_INLINE void gather_row(const float* top, const Span& readers, Count count) {
    const std::int64_t row_floats = std::int64_t{this->g_.out.width} * B;
    const float* shares = this->row_shares_.data() + readers.first;
    float* row = row_.data();
    for (const float column_share : this->column_shares_) {
      Vec<B> sum{};
      for (int i = 0; i < count; ++i)
        sum = sum + load<B>(top + i * readers.step * row_floats) * shares[i * readers.step];
      store<B>(row, sum * column_share);
      top += B;
      row += B;
    }
  }

  BufferId dy_, dx_;
  std::vector<float> row_;
};

// All of a window's gradient goes to the first tap that holds its maximum.
template <int B>
class MaxPoolGradient : public PoolBase<B> {
 public:
  MaxPoolGradient(const PoolGeometry& geometry, BufferId x, BufferId dy, BufferId dx)
      : PoolBase<B>(geometry), x_(x), dy_(dy), dx_(dx) {}

  void run(const Frame& frame) override {
    const float* in = frame[x_];
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    const std::int64_t plane_floats = this->g_.in.height * this->row_floats_;
    for (int plane = 0; plane < this->planes(frame); ++plane, in += plane_floats, dx += plane_floats) {
      std::fill_n(dx, plane_floats, 0.0f);
      for (const Span& r : this->rows_.taps) {
        for (const Span& c : this->columns_.taps) {
          give(in, load<B>(dy), dx, r, c);
          dy += B;
        }
      }
    }
  }

 private:
  template <class F>
  ASSAY_INLINE void for_each_tap(const Span& r, const Span& c, F&& f) const {
    for (int y = 0; y < r.count; ++y)
      for (int x = 0; x < c.count; ++x)
        f((r.first + y * r.step) * this->row_floats_ + std::int64_t{c.first + x * c.step} * B);
  }

  ASSAY_INLINE void give(const float* in, const Vec<B>& gradient, float* dx, const Span& r,
                         const Span& c) const {
    const Vec<B> zero{};
    Vec<B> best = broadcast<B>(-std::numeric_limits<float>::infinity());
    for_each_tap(r, c, [&](std::int64_t at) { best = larger<B>(best, load<B>(in + at)); });
    Vec<B> left = gradient;
    for_each_tap(r, c, [&](std::int64_t at) {
      const Vec<B> v = load<B>(in + at);
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
  if (geometry.maximum) return make_blocked<MaxPoolGradient>(geometry, x, dy, dx);
  return make_blocked<AveragePoolGradient>(geometry, dy, dx);
}
std::unique_ptr<Kernel> make_global_pool(bool maximum, const Extent& in, BufferId x, BufferId y) {
  return make_blocked<GlobalPool>(maximum, in, x, y);
}
std::unique_ptr<Kernel> make_global_pool_gradient(bool maximum, const Extent& in, BufferId x, BufferId y,
                                                  BufferId dy, BufferId dx) {
  return make_blocked<GlobalPoolGradient>(maximum, in, x, y, dy, dx);
}

}  // namespace assay
