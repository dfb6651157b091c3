#include "affine_sum.hpp"

#include "kernels.hpp"
#include "tile.hpp"

#include <algorithm>

namespace assay {

namespace {

// One term's value at a pixel: x, or a x + b.
template <int B, bool normalised>
ASSAY_INLINE Vec<B> term_value(const float* x, const Vec<B>& a, const Vec<B>& b) {
  if constexpr (normalised) return load<B>(x) * a + b;
  return load<B>(x);
}

// out (=, or +=) term, for `pixels` pixels, then the activation.
template <int B, bool normalised, bool accumulate, class F>
ASSAY_INLINE void add_term(float* out, const float* x, int pixels, const Vec<B>& a, const Vec<B>& b, F&& f) {
  for (int i = 0; i < pixels; ++i, out += B, x += B) {
    Vec<B> v = term_value<B, normalised>(x, a, b);
    if constexpr (accumulate) v = v + load<B>(out);
    store<B>(out, f(v, i));
  }
}

template <int B>
class AffineSum : public Kernel {
 public:
  AffineSum(std::vector<AffineTerm> terms, std::optional<ActivationFunction> activation, BufferId y,
            BufferId mask, const Extent& extent)
      : terms_(std::move(terms)), activation_(activation), y_(y), mask_(mask), extent_(extent) {}

  void run(const Frame& frame) override {
    float* y = frame[y_];
    if (terms_.empty()) {
      std::fill_n(y, frame.images * extent_.floats(), 0.0f);
      return;
    }
    float* mask = mask_ == no_buffer ? nullptr : frame[mask_];
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
      for (int n = 0; n < tile.images; ++n) {
        run(frame, y, mask == nullptr ? nullptr : mask_at<B>(mask, extent_, tile, n), tile,
            tile.offset + n * tile.image_stride);
      }
    });
  }

 private:
  void run(const Frame& frame, float* y, LaneBits<B>* mask, const Tile& tile, std::int64_t offset) const {
    const auto identity = [](const Vec<B>& v, int) { return v; };
    float* out = y + offset;
    // An input that lies in the output's place comes first, before the output is written.
    std::size_t in_place = 0;
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      if (frame[terms_[i].x] == y) in_place = i;
    }
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const AffineTerm& term = terms_[i == 0 ? in_place : i == in_place ? 0 : i];
      if (i + 1 < terms_.size() || !activation_) {
        add(frame, term, out, offset, tile, i > 0, identity);
      } else {
        with_activation(activation_->kind, [&](auto kind) {
          constexpr Activation function = decltype(kind)::value;
          if (mask == nullptr) {
            add(frame, term, out, offset, tile, i > 0,
                [&](const Vec<B>& v, int) { return activate<function, B>(v, activation_->parameter); });
          } else {
            add(frame, term, out, offset, tile, i > 0, [&](const Vec<B>& v, int pixel) {
              mask[pixel] = upper_slope<function, B>(v);
              return activate<function, B>(v, activation_->parameter);
            });
          }
        });
      }
    }
    if (activation_ && !activation_->keeps_zero())
      clear_padding<B>(out, tile.pixels, tile.channel, extent_.channels);
  }

  template <class F>
  ASSAY_INLINE void add(const Frame& frame, const AffineTerm& term, float* out, std::int64_t offset,
                        const Tile& tile, bool accumulate, F&& f) const {
    const float* x = frame[term.x] + offset;
    if (term.norm) {
      const float* rows = frame[term.norm->statistics] + tile.channel;
      const Vec<B> a = load<B>(rows + 2 * extent_.padded);
      const Vec<B> b = load<B>(rows + 3 * extent_.padded);
      if (accumulate) {
        add_term<B, true, true>(out, x, tile.pixels, a, b, f);
      } else {
        add_term<B, true, false>(out, x, tile.pixels, a, b, f);
      }
    } else if (accumulate) {
      add_term<B, false, true>(out, x, tile.pixels, Vec<B>{}, Vec<B>{}, f);
    } else {
      add_term<B, false, false>(out, x, tile.pixels, Vec<B>{}, Vec<B>{}, f);
    }
  }

  std::vector<AffineTerm> terms_;
  std::optional<ActivationFunction> activation_;
  BufferId y_, mask_;
  Extent extent_;
};

}  // namespace

std::unique_ptr<Kernel> make_affine_sum(std::vector<AffineTerm> terms,
                                        std::optional<ActivationFunction> activation, BufferId y,
                                        BufferId mask, const Extent& extent) {
  return make_blocked<AffineSum>(std::move(terms), activation, y, mask, extent);
}

}  // namespace assay
