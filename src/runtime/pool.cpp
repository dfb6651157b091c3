// Pooling over windows and over whole images, on channel blocks: a vector is one pixel of one block.
#include "kernels.hpp"
#include "vec.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace assay {

namespace {

// The taps [begin, end) of an output position that fall inside the image, and where the first tap lies.
struct Span {
  int begin, end, origin;
  int count() const { return end - begin; }
};

// The geometry of one axis: which inputs an output position reads.
struct Axis {
  Axis(int in, int out, int kernel, int stride, int gap, int pad) : size(in), dilation(gap) {
    for (int o = 0; o < out; ++o) {
      const int origin = o * stride - pad;
      const int begin = origin >= 0 ? 0 : (-origin + gap - 1) / gap;
      const int end = origin >= in ? 0 : std::min(kernel, (in - 1 - origin) / gap + 1);
      spans.push_back({begin, std::max(begin, end), origin});
    }
  }
  // f(input position) for the taps of an output position.
  template <class F>
  ASSAY_INLINE void for_each(const Span& span, F&& f) const {
    for (int i = span.begin; i < span.end; ++i) f(span.origin + i * dilation);
  }
  // The outputs that read each input position.
  std::vector<std::vector<int>> readers() const {
    std::vector<std::vector<int>> result(static_cast<std::size_t>(size));
    for (std::size_t o = 0; o < spans.size(); ++o) {
      for_each(spans[o], [&](int i) { result[static_cast<std::size_t>(i)].push_back(static_cast<int>(o)); });
    }
    return result;
  }

  int size, dilation;
  std::vector<Span> spans;  // by output position
};

template <int B>
class PoolBase : public Kernel {
 public:
  explicit PoolBase(const PoolGeometry& g)
      : g_(g),
        rows_(g.in.height, g.out.height, g.window.kernel_h, g.window.stride_h, g.window.dilation_h,
              g.window.pad_top),
        columns_(g.in.width, g.out.width, g.window.kernel_w, g.window.stride_w, g.window.dilation_w,
                 g.window.pad_left),
        row_floats_(std::int64_t{g.in.width} * B) {}

 protected:
  int planes(const Frame& frame) const { return frame.images * (g_.in.padded / B); }
  float weight(const Span& r, const Span& c) const {
    const int count = g_.count_include_pad ? g_.window.kernel_h * g_.window.kernel_w : r.count() * c.count();
    return 1.0f / static_cast<float>(std::max(count, 1));
  }

  PoolGeometry g_;
  Axis rows_, columns_;
  std::int64_t row_floats_;  // of the input
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
      pool(
          frame, -std::numeric_limits<float>::infinity(),
          [](const Vec<B>& a, const Vec<B>& b) { return larger<B>(a, b); },
          [](const Span&, const Span&) { return 1.0f; });
    } else {
      pool(
          frame, 0.0f, [](const Vec<B>& a, const Vec<B>& b) { return a + b; },
          [this](const Span& r, const Span& c) { return this->weight(r, c); });
    }
  }

 private:
  template <class Combine, class Weight>
  ASSAY_INLINE void pool(const Frame& frame, float start, Combine&& combine, Weight&& weight) {
    const float* in = frame[x_];
    float* out = frame[y_];
    float* row = row_.data();
    for (int plane = 0; plane < this->planes(frame); ++plane, in += this->g_.in.height * this->row_floats_) {
      for (const Span& r : this->rows_.spans) {
        for (std::int64_t x = 0; x < this->row_floats_; x += B) {
          Vec<B> v = broadcast<B>(start);
          this->rows_.for_each(r, [&](int y) { v = combine(v, load<B>(in + y * this->row_floats_ + x)); });
          store<B>(row + x, v);
        }
        for (const Span& c : this->columns_.spans) {
          Vec<B> v = broadcast<B>(start);
          this->columns_.for_each(c, [&](int x) { v = combine(v, load<B>(row + std::int64_t{x} * B)); });
          store<B>(out, v * weight(r, c));
          out += B;
        }
      }
    }
  }

  BufferId x_, y_;
  std::vector<float> row_;
};

// Every input gathers its share from the windows that it is in: along rows first, then down columns.
template <int B>
class AveragePoolGradient : public PoolBase<B> {
 public:
  AveragePoolGradient(const PoolGeometry& geometry, BufferId dy, BufferId dx)
      : PoolBase<B>(geometry),
        dy_(dy),
        dx_(dx),
        row_readers_(this->rows_.readers()),
        column_readers_(this->columns_.readers()),
        shares_(static_cast<std::size_t>(geometry.out.width * B)),
        spread_(static_cast<std::size_t>(geometry.out.height * this->row_floats_)) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    for (int plane = 0; plane < this->planes(frame); ++plane) {
      float* spread = spread_.data();
      for (const Span& r : this->rows_.spans) {
        float* share = shares_.data();
        for (const Span& c : this->columns_.spans) {
          store<B>(share, load<B>(dy) * this->weight(r, c));
          share += B;
          dy += B;
        }
        for (const std::vector<int>& readers : column_readers_) {
          store<B>(spread, sum(readers, shares_.data(), B));
          spread += B;
        }
      }
      for (const std::vector<int>& readers : row_readers_) {
        for (std::int64_t x = 0; x < this->row_floats_; x += B, dx += B) {
          store<B>(dx, sum(readers, spread_.data() + x, this->row_floats_));
        }
      }
    }
  }

 private:
  ASSAY_INLINE static Vec<B> sum(const std::vector<int>& readers, const float* from, std::int64_t stride) {
    Vec<B> result{};
    for (const int o : readers) result = result + load<B>(from + o * stride);
    return result;
  }

  BufferId dy_, dx_;
  std::vector<std::vector<int>> row_readers_, column_readers_;
  std::vector<float> shares_, spread_;
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
      for (const Span& r : this->rows_.spans) {
        for (const Span& c : this->columns_.spans) {
          give(in, load<B>(dy), dx, r, c);
          dy += B;
        }
      }
    }
  }

 private:
  template <class F>
  ASSAY_INLINE void for_each_tap(const Span& r, const Span& c, F&& f) const {
    this->rows_.for_each(r, [&](int y) {
      this->columns_.for_each(c, [&](int x) { f(y * this->row_floats_ + std::int64_t{x} * B); });
    });
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
