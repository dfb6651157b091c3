// Mean and variance of batch norms, and the scale and offset per channel that follow from them.
#include "affine_sum.hpp"
#include "kernels.hpp"
#include "tile.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay {

namespace {

// Mean and variance of the batch, tile by tile: within a tile two passes (the second finds it in the cache),
// tiles combined by Chan, Golub and LeVeque's update in double. One pass over memory, without the
// cancellation of E[x^2] - E[x]^2.
template <int B>
class BatchStatistics : public Kernel {
 public:
  BatchStatistics(const Normalisation& norm, BufferId x, const Extent& extent)
      : norm_(norm),
        x_(x),
        extent_(extent),
        mean_(extent.padded),
        squares_(extent.padded),
        count_(extent.padded) {}

  void run(const Frame& frame) override {
    if (frame.is_first()) {
      std::fill(mean_.begin(), mean_.end(), 0.0);
      std::fill(squares_.begin(), squares_.end(), 0.0);
      std::fill(count_.begin(), count_.end(), 0);
    }
    const float* x = frame[x_];
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) { add(x, tile); });
    if (frame.is_last()) finish(frame[norm_.statistics]);
  }

 private:
  ASSAY_INLINE void add(const float* x, const Tile& tile) {
    using V = Vec<B>;
    const int count = tile.images * tile.pixels;
    V sum[4] = {};
    for_each(x, tile, [&](int lane, const V& v) { sum[lane] = sum[lane] + v; });
    const V mean = sum4<B>(sum) * (1.0f / static_cast<float>(count));
    V square[4] = {};
    for_each(x, tile, [&](int lane, const V& v) {
      const V d = v - mean;
      square[lane] = square[lane] + d * d;
    });
    float tile_mean[B], tile_square[B];
    store<B>(tile_mean, mean);
    store<B>(tile_square, sum4<B>(square));
    const auto c = static_cast<std::size_t>(tile.channel);
    const double before = static_cast<double>(count_[c]);
    count_[c] += count;
    const double weight = count / (before + count);
    double* mean_so_far = mean_.data() + c;
    double* squares = squares_.data() + c;
    for (int i = 0; i < B; ++i) {
      const double delta = static_cast<double>(tile_mean[i]) - mean_so_far[i];
      mean_so_far[i] += delta * weight;
      squares[i] += static_cast<double>(tile_square[i]) + delta * delta * before * weight;
    }
  }

  // f(accumulator 0..3, vector) for every pixel: four accumulators hide the latency of addition.
  template <class F>
  ASSAY_INLINE static void for_each(const float* x, const Tile& tile, F&& f) {
    for (int n = 0; n < tile.images; ++n) {
      const float* p = x + tile.offset + n * tile.image_stride;
      int i = 0;
      for (; i + 4 <= tile.pixels; i += 4, p += 4 * B) {
        f(0, load<B>(p));
        f(1, load<B>(p + B));
        f(2, load<B>(p + 2 * B));
        f(3, load<B>(p + 3 * B));
      }
      for (; i < tile.pixels; ++i, p += B) f(i & 3, load<B>(p));
    }
  }

  void finish(float* out) const {
    const auto padded = static_cast<std::size_t>(extent_.padded);
    for (std::size_t c = 0; c < padded; ++c) {
      const double variance = squares_[c] / static_cast<double>(count_[c / B * B]);
      const double a = norm_.scale->value[c] / std::sqrt(variance + norm_.epsilon);
      out[c] = static_cast<float>(mean_[c]);
      out[padded + c] = static_cast<float>(variance);
      out[2 * padded + c] = static_cast<float>(a);
      out[3 * padded + c] = static_cast<float>(norm_.shift->value[c] - mean_[c] * a);
    }
  }

  Normalisation norm_;
  BufferId x_;
  Extent extent_;
  std::vector<double> mean_, squares_;  // per channel: mean and sum of squared differences so far
  std::vector<std::int64_t> count_;     // per channel, that of its block at the block's first channel
};

class RunningStatistics : public Kernel {
 public:
  RunningStatistics(const Normalisation& norm, int padded) : norm_(norm), padded_(padded) {}

  void run(const Frame& frame) override {
    float* out = frame[norm_.statistics];
    for (int c = 0; c < padded_; ++c) {
      const double mean = norm_.running_mean->value[c];
      const double variance = norm_.running_variance->value[c];
      const double a = norm_.scale->value[c] / std::sqrt(variance + norm_.epsilon);
      out[c] = static_cast<float>(mean);
      out[padded_ + c] = static_cast<float>(variance);
      out[2 * padded_ + c] = static_cast<float>(a);
      out[3 * padded_ + c] = static_cast<float>(norm_.shift->value[c] - mean * a);
    }
  }

 private:
  Normalisation norm_;
  int padded_;
};

}  // namespace

std::unique_ptr<Kernel> make_statistics(const Normalisation& norm, BufferId x, const Extent& extent) {
  if (!norm.batch_statistics) return std::make_unique<RunningStatistics>(norm, extent.padded);
  return make_blocked<BatchStatistics>(norm, x, extent);
}

}  // namespace assay
