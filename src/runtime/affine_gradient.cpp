#include "affine_sum.hpp"
#include "kernels.hpp"
#include "tile.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay {

namespace {

// Sums of g and of g (x - mean) over the batch, per channel.
//
// With m = values per channel, s = 1 / sqrt(variance + epsilon) (Ioffe and Szegedy 2015):
//   dshift = sum g,  dscale = s sum g (x - mean),
//   dx = scale s (g - sum g / m - (x - mean) s^2 sum g (x - mean) / m).
template <int B>
class AffineGradientKernel : public Kernel {
 public:
  AffineGradientKernel(AffineGradient gradient, const Extent& extent)
      : d_(std::move(gradient)), extent_(extent) {
    sums_.resize(1 + d_.coefficients.size());
    for (auto& row : sums_) row.resize(static_cast<std::size_t>(extent.padded));
  }

  void run(const Frame& frame) override {
    if (frame.is_first()) {
      for (auto& row : sums_) std::fill(row.begin(), row.end(), 0.0);
    }
    const AffineGradient& d = d_;
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
      const float* g = frame[d.contributions.front()];
      if (d.g != no_buffer) {
        for (int n = 0; n < tile.images; ++n) gather(frame, tile, n);
        g = frame[d.g];
      }
      if (!d.coefficients.empty()) add_sums(frame, g, tile);
    });
    if (frame.is_last()) {
      for (std::size_t i = 0; i < d.coefficients.size(); ++i) finish(frame, i);
    }
  }

 private:
  void gather(const Frame& frame, const Tile& tile, int image) const {
    const AffineGradient& d = d_;
    const std::int64_t offset = tile.offset + image * tile.image_stride;
    float* g = frame[d.g];
    float* out = g + offset;
    // Start from the contribution that lies in g's place, if one does.
    std::size_t start = 0;
    for (std::size_t i = 0; i < d.contributions.size(); ++i) {
      if (frame[d.contributions[i]] == g) start = i;
    }
    const float* first = frame[d.contributions[start]] + offset;
    if (d.contributions.size() > 1) {
      for (std::size_t i = 0, done = 0; i < d.contributions.size(); ++i) {
        if (i == start) continue;
        const float* a = done++ == 0 ? first : out;
        const float* b = frame[d.contributions[i]] + offset;
        for (int p = 0; p < tile.pixels * B; p += B) store<B>(out + p, load<B>(a + p) + load<B>(b + p));
      }
      first = out;
    }
    if (!d.activation) {
      if (first != out) std::copy_n(first, tile.pixels * B, out);
      return;
    }
    if (d.mask != no_buffer) {
      const LaneBits<B>* mask = mask_at<B>(frame[d.mask], extent_, tile, image);
      const float lower = d.activation->lower_slope();
      for (int p = 0; p < tile.pixels; ++p) {
        const Vec<B> v = load<B>(first + p * B);
        store<B>(out + p * B, select<B>(mask[p], v, v * lower));
      }
      return;
    }
    with_activation(d.activation->kind, [&](auto kind) {
      constexpr Activation function = decltype(kind)::value;
      const float parameter = d.activation->parameter;
      if (d.y != no_buffer) {
        const float* y = frame[d.y] + offset;
        for (int p = 0; p < tile.pixels * B; p += B) {
          store<B>(out + p, load<B>(first + p) * derivative<function, true, B>(load<B>(y + p), parameter));
        }
        return;
      }
      const AffineTerm& term = d.terms.front();
      const float* x = frame[term.x] + offset;
      Vec<B> a = broadcast<B>(1), b{};
      if (term.norm) {
        const float* rows = frame[term.norm->statistics] + tile.channel;
        a = load<B>(rows + 2 * extent_.padded);
        b = load<B>(rows + 3 * extent_.padded);
      }
      for (int p = 0; p < tile.pixels * B; p += B) {
        const Vec<B> input = load<B>(x + p) * a + b;
        store<B>(out + p, load<B>(first + p) * derivative<function, false, B>(input, parameter));
      }
    });
  }

  ASSAY_INLINE void add_sums(const Frame& frame, const float* g, const Tile& tile) {
    using V = Vec<B>;
    for (std::size_t i = 0; i < d_.coefficients.size(); ++i) {
      const AffineTerm& term = d_.terms[i];
      const float* x = frame[term.x];
      const V mean = load<B>(frame[term.norm->statistics] + tile.channel);
      V sum[4] = {}, product[4] = {};
      const auto add = [&](int lane, const float* gp, const float* xp) {
        const V v = load<B>(gp);
        sum[lane] = sum[lane] + v;
        product[lane] = product[lane] + v * (load<B>(xp) - mean);
      };
      for (int n = 0; n < tile.images; ++n) {
        const float* gp = g + tile.offset + n * tile.image_stride;
        const float* xp = x + tile.offset + n * tile.image_stride;
        int p = 0;
        for (; p + 4 <= tile.pixels; p += 4, gp += 4 * B, xp += 4 * B) {
          add(0, gp, xp);
          add(1, gp + B, xp + B);
          add(2, gp + 2 * B, xp + 2 * B);
          add(3, gp + 3 * B, xp + 3 * B);
        }
        for (; p < tile.pixels; ++p, gp += B, xp += B) add(p & 3, gp, xp);
      }
      if (i == 0) accumulate(sums_[0], sum4<B>(sum), tile.channel);
      accumulate(sums_[1 + i], sum4<B>(product), tile.channel);
    }
  }

  ASSAY_INLINE static void accumulate(std::vector<double>& row, const Vec<B>& v, int channel) {
    float lanes[B];
    store<B>(lanes, v);
    double* out = row.data() + channel;
    for (int i = 0; i < B; ++i) out[i] += static_cast<double>(lanes[i]);
  }

  void finish(const Frame& frame, std::size_t term) const {
    const Normalisation& norm = *d_.terms[term].norm;
    const float* statistics = frame[norm.statistics];
    float* rows = frame[d_.coefficients[term]];
    const auto padded = static_cast<std::size_t>(extent_.padded);
    const double m = static_cast<double>(frame.batch) * extent_.pixels();
    for (std::size_t c = 0; c < padded; ++c) {
      const double mean = statistics[c];
      const double inverse_variance = 1.0 / (static_cast<double>(statistics[padded + c]) + norm.epsilon);
      const double a = statistics[2 * padded + c];
      const double sum = sums_[0][c], product = sums_[1 + term][c];
      if (d_.parameter_gradients) {
        norm.shift->gradient[c] = static_cast<float>(sum);
        norm.scale->gradient[c] = static_cast<float>(product * std::sqrt(inverse_variance));
      }
      const double q = norm.batch_statistics ? -a * inverse_variance * product / m : 0.0;
      rows[c] = static_cast<float>(a);
      rows[padded + c] = static_cast<float>(q);
      rows[2 * padded + c] = static_cast<float>(norm.batch_statistics ? -a * sum / m - q * mean : 0.0);
    }
  }

  AffineGradient d_;
  Extent extent_;
  std::vector<std::vector<double>> sums_;  // of g; then per term of g (x - mean)
};

template <int B>
class NormGradient : public Kernel {
 public:
  NormGradient(const Normalisation& norm, BufferId coefficients, BufferId g, BufferId x, BufferId dx,
               const Extent& extent)
      : norm_(norm), coefficients_(coefficients), g_(g), x_(x), dx_(dx), extent_(extent) {}

  void run(const Frame& frame) override {
    const float* g = frame[g_];
    float* dx = frame[dx_];
    if (!norm_.batch_statistics) {
      const float* a = frame[norm_.statistics] + 2 * extent_.padded;
      for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
        const Vec<B> scale = load<B>(a + tile.channel);
        for (int n = 0; n < tile.images; ++n) {
          const std::int64_t at = tile.offset + n * tile.image_stride;
          for (int p = 0; p < tile.pixels * B; p += B) store<B>(dx + at + p, load<B>(g + at + p) * scale);
        }
      });
      return;
    }
    const float* x = frame[x_];
    const float* rows = frame[coefficients_];
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
      const Vec<B> p = load<B>(rows + tile.channel);
      const Vec<B> q = load<B>(rows + extent_.padded + tile.channel);
      const Vec<B> r = load<B>(rows + 2 * extent_.padded + tile.channel);
      for (int n = 0; n < tile.images; ++n) {
        const std::int64_t at = tile.offset + n * tile.image_stride;
        for (int i = 0; i < tile.pixels * B; i += B) {
          store<B>(dx + at + i, load<B>(g + at + i) * p + (load<B>(x + at + i) * q + r));
        }
      }
    });
  }

 private:
  Normalisation norm_;
  BufferId coefficients_, g_, x_, dx_;
  Extent extent_;
};

}  // namespace

std::unique_ptr<Kernel> make_affine_gradient(AffineGradient gradient, const Extent& extent) {
  return make_blocked<AffineGradientKernel>(std::move(gradient), extent);
}

std::unique_ptr<Kernel> make_norm_gradient(const Normalisation& norm, BufferId coefficients, BufferId g,
                                           BufferId x, BufferId dx, const Extent& extent) {
  return make_blocked<NormGradient>(norm, coefficients, g, x, dx, extent);
}

}  // namespace assay
