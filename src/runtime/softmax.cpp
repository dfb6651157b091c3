// Softmax over the channels of each pixel. It ends a network and is small: plain loops over lanes.
#include "kernels.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

// f(offset in the image) for every real channel of a pixel.
template <class F>
void for_each_channel(const Extent& extent, int pixel, F&& f) {
  const int block = block_size();
  for (int c = 0; c < extent.channels; ++c) {
    f((std::int64_t{c / block} * extent.pixels() + pixel) * block + c % block);
  }
}

class Softmax : public Kernel {
 public:
  Softmax(const Extent& extent, BufferId x, BufferId y) : extent_(extent), x_(x), y_(y) {}

  void run(const Frame& frame) override {
    const float* x = frame[x_];
    float* y = frame[y_];
    std::fill_n(y, frame.images * extent_.floats(), 0.0f);
    for (int n = 0; n < frame.images; ++n, x += extent_.floats(), y += extent_.floats()) {
      for (int p = 0; p < extent_.pixels(); ++p) {
        float largest = -INFINITY;
        for_each_channel(extent_, p, [&](std::int64_t at) { largest = std::max(largest, x[at]); });
        double sum = 0;
        for_each_channel(extent_, p, [&](std::int64_t at) {
          y[at] = std::exp(x[at] - largest);
          sum += static_cast<double>(y[at]);
        });
        const auto scale = static_cast<float>(1.0 / sum);
        for_each_channel(extent_, p, [&](std::int64_t at) { y[at] *= scale; });
      }
    }
  }

 private:
  Extent extent_;
  BufferId x_, y_;
};

// dx = y (dy - sum of y dy).
class SoftmaxGradient : public Kernel {
 public:
  SoftmaxGradient(const Extent& extent, BufferId y, BufferId dy, BufferId dx)
      : extent_(extent), y_(y), dy_(dy), dx_(dx) {}

  void run(const Frame& frame) override {
    const float* y = frame[y_];
    const float* dy = frame[dy_];
    float* dx = frame[dx_];
    std::fill_n(dx, frame.images * extent_.floats(), 0.0f);
    for (int n = 0; n < frame.images; ++n) {
      for (int p = 0; p < extent_.pixels(); ++p) {
        double sum = 0;
        for_each_channel(extent_, p, [&](std::int64_t at) {
          sum += static_cast<double>(y[at]) * static_cast<double>(dy[at]);
        });
        for_each_channel(extent_, p,
                         [&](std::int64_t at) { dx[at] = y[at] * (dy[at] - static_cast<float>(sum)); });
      }
      y += extent_.floats();
      dy += extent_.floats();
      dx += extent_.floats();
    }
  }

 private:
  Extent extent_;
  BufferId y_, dy_, dx_;
};

}  // namespace

std::unique_ptr<Kernel> make_softmax(const Extent& extent, BufferId x, BufferId y) {
  return std::make_unique<Softmax>(extent, x, y);
}
std::unique_ptr<Kernel> make_softmax_gradient(const Extent& extent, BufferId y, BufferId dy, BufferId dx) {
  return std::make_unique<SoftmaxGradient>(extent, y, dy, dx);
}

}  // namespace assay
