// Resizing. ResizeMode says where in the input an output pixel lies; the nearest modes take one pixel there,
// the bilinear ones weigh the four around it.
#include "kernels.hpp"
#include "vec.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

// Output position = low_weight * in[low] + (1 - low_weight) * in[high].
struct Source {
  int low, high;
  float low_weight;
};

bool takes_one(ResizeMode mode) {
  return mode == ResizeMode::nearest || mode == ResizeMode::nearest_floor;
}

// In a nearest mode; whole numbers, which no rounding moves to the next pixel.
std::int64_t nearest_to(ResizeMode mode, std::int64_t o, int in, int out) {
  return mode == ResizeMode::nearest_floor ? o * in / out : (2 * o + 1) * in / (2 * std::int64_t{out});
}

// In a bilinear mode. A single pixel with aligned corners is the first.
double position(ResizeMode mode, int o, int in, int out) {
  if (mode == ResizeMode::bilinear) return (o + 0.5) * in / out - 0.5;
  return out == 1 ? 0.0 : static_cast<double>(o) * (in - 1) / (out - 1);
}

std::vector<Source> sources(ResizeMode mode, int in, int out) {
  std::vector<Source> result(static_cast<std::size_t>(out));
  for (int o = 0; o < out; ++o) {
    Source& source = result[static_cast<std::size_t>(o)];
    if (takes_one(mode)) {
      const int i = static_cast<int>(std::min<std::int64_t>(in - 1, nearest_to(mode, o, in, out)));
      source = {i, i, 1.0f};
    } else {
      const double at = std::clamp(position(mode, o, in, out), 0.0, static_cast<double>(in - 1));
      const int low = static_cast<int>(std::floor(at));
      source = {low, std::min(low + 1, in - 1), static_cast<float>(1.0 - (at - low))};
    }
  }
  return result;
}

template <int B>
class ResizeBase : public Kernel {
 public:
  ResizeBase(ResizeMode mode, const Extent& in, const Extent& out)
      : in_(in),
        takes_one_(takes_one(mode)),
        rows_(sources(mode, in.height, out.height)),
        columns_(sources(mode, in.width, out.width)) {}

 protected:
  // f(input offset, weight) for the input pixels of an output pixel: one, or four.
  template <class F>
  ASSAY_INLINE void for_each_source(const Source& r, const Source& c, F&& f) const {
    const std::int64_t low = std::int64_t{r.low} * in_.width, high = std::int64_t{r.high} * in_.width;
    f((low + c.low) * B, r.low_weight * c.low_weight);
    if (takes_one_) return;
    f((low + c.high) * B, r.low_weight * (1 - c.low_weight));
    f((high + c.low) * B, (1 - r.low_weight) * c.low_weight);
    f((high + c.high) * B, (1 - r.low_weight) * (1 - c.low_weight));
  }

  Extent in_;
  bool takes_one_;
  std::vector<Source> rows_, columns_;
};

template <int B>
class Resize : public ResizeBase<B> {
 public:
  Resize(ResizeMode mode, const Extent& in, const Extent& out, BufferId x, BufferId y)
      : ResizeBase<B>(mode, in, out), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const float* in = frame[x_];
    float* out = frame[y_];
    for (int plane = 0; plane < frame.images * (this->in_.padded / B); ++plane) {
      for (const Source& r : this->rows_) {
        for (const Source& c : this->columns_) {
          Vec<B> sum{};
          this->for_each_source(r, c, [&](std::int64_t at, float w) { sum = sum + load<B>(in + at) * w; });
          store<B>(out, sum);
          out += B;
        }
      }
      in += std::int64_t{this->in_.pixels()} * B;
    }
  }

 private:
  BufferId x_, y_;
};

template <int B>
class ResizeGradient : public ResizeBase<B> {
 public:
  ResizeGradient(ResizeMode mode, const Extent& in, const Extent& out, BufferId dy, BufferId dx)
      : ResizeBase<B>(mode, in, out), dy_(dy), dx_(dx) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    std::fill_n(dx, frame.images * this->in_.floats(), 0.0f);
    for (int plane = 0; plane < frame.images * (this->in_.padded / B); ++plane) {
      for (const Source& r : this->rows_) {
        for (const Source& c : this->columns_) {
          const Vec<B> g = load<B>(dy);
          this->for_each_source(
              r, c, [&](std::int64_t at, float w) { store<B>(dx + at, load<B>(dx + at) + g * w); });
          dy += B;
        }
      }
      dx += std::int64_t{this->in_.pixels()} * B;
    }
  }

 private:
  BufferId dy_, dx_;
};

}  // namespace

std::unique_ptr<Kernel> make_resize(ResizeMode mode, const Extent& in, const Extent& out, BufferId x,
                                    BufferId y) {
  return make_blocked<Resize>(mode, in, out, x, y);
}
std::unique_ptr<Kernel> make_resize_gradient(ResizeMode mode, const Extent& in, const Extent& out,
                                             BufferId dy, BufferId dx) {
  return make_blocked<ResizeGradient>(mode, in, out, dy, dx);
}

}  // namespace assay
