// Products of two tensors, one of which may hold a single pixel (a squeeze-excite gate).
#include "kernels.hpp"
#include "vec.hpp"

namespace assay {

namespace {

// How far to step in an operand from one pixel to the next: a single pixel is read again and again.
template <int B>
int step(const Extent& operand, const Extent& result) {
  return operand.pixels() == result.pixels() ? B : 0;
}

template <int B>
class Multiply : public Kernel {
 public:
  Multiply(BufferId a, const Extent& a_extent, BufferId b, const Extent& b_extent,
           const std::optional<ActivationFunction>& activation, BufferId y, const Extent& y_extent)
      : a_(a),
        b_(b),
        y_(y),
        activation_(activation),
        extent_(y_extent),
        a_step_(step<B>(a_extent, y_extent)),
        b_step_(step<B>(b_extent, y_extent)) {}

  void run(const Frame& frame) override {
    if (!activation_) return run(frame, [](const Vec<B>& v) { return v; });
    with_activation(activation_->kind, [&](auto kind) {
      run(frame,
          [&](const Vec<B>& v) { return activate<decltype(kind)::value, B>(v, activation_->parameter); });
    });
  }

 private:
  template <class F>
  ASSAY_INLINE void run(const Frame& frame, F&& f) const {
    const float* a = frame[a_];
    const float* b = frame[b_];
    float* y = frame[y_];
    const int pixels = extent_.pixels();
    for (int plane = 0; plane < frame.images * (extent_.padded / B); ++plane) {
      const float* a_plane = a + std::int64_t{plane} * (a_step_ == 0 ? B : pixels * B);
      const float* b_plane = b + std::int64_t{plane} * (b_step_ == 0 ? B : pixels * B);
      for (int p = 0; p < pixels; ++p, y += B) {
        store<B>(y, f(load<B>(a_plane + p * a_step_) * load<B>(b_plane + p * b_step_)));
      }
    }
  }

  BufferId a_, b_, y_;
  std::optional<ActivationFunction> activation_;
  Extent extent_;
  int a_step_, b_step_;
};

template <int B>
class MultiplyGradient : public Kernel {
 public:
  MultiplyGradient(BufferId dy, const Extent& y_extent, BufferId other, const Extent& other_extent,
                   BufferId dx, const Extent& to)
      : dy_(dy),
        other_(other),
        dx_(dx),
        extent_(y_extent),
        other_step_(step<B>(other_extent, y_extent)),
        reduces_(to.pixels() != y_extent.pixels()) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    const float* other = frame[other_];
    float* dx = frame[dx_];
    const int pixels = extent_.pixels();
    for (int plane = 0; plane < frame.images * (extent_.padded / B); ++plane) {
      const float* o = other + std::int64_t{plane} * (other_step_ == 0 ? B : pixels * B);
      if (reduces_) {
        Vec<B> sum[4] = {};
        for (int p = 0; p < pixels; ++p, dy += B)
          sum[p & 3] = sum[p & 3] + load<B>(dy) * load<B>(o + p * other_step_);
        store<B>(dx, (sum[0] + sum[1]) + (sum[2] + sum[3]));
        dx += B;
      } else {
        for (int p = 0; p < pixels; ++p, dy += B, dx += B)
          store<B>(dx, load<B>(dy) * load<B>(o + p * other_step_));
      }
    }
  }

 private:
  BufferId dy_, other_, dx_;
  Extent extent_;
  int other_step_;
  bool reduces_;
};

}  // namespace

std::unique_ptr<Kernel> make_multiply(BufferId a, const Extent& a_extent, BufferId b, const Extent& b_extent,
                                      const std::optional<ActivationFunction>& activation, BufferId y,
                                      const Extent& y_extent) {
  return make_blocked<Multiply>(a, a_extent, b, b_extent, activation, y, y_extent);
}
std::unique_ptr<Kernel> make_multiply_gradient(BufferId dy, const Extent& y_extent, BufferId other,
                                               const Extent& other_extent, BufferId dx, const Extent& to) {
  return make_blocked<MultiplyGradient>(dy, y_extent, other, other_extent, dx, to);
}

}  // namespace assay
