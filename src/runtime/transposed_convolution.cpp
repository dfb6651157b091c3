// Transposed convolutions on top of the convolutions whose gradients they are. oneDNN computes no bias and no
// post-operation with such a gradient: one pass over the output adds them here, while it is in the cache.
#include "contraction.hpp"
#include "kernels.hpp"
#include "tile.hpp"

#include <algorithm>
#include <vector>

namespace assay {

namespace {

template <int B>
class TransposedConvolution : public Kernel {
 public:
  TransposedConvolution(const Contraction& gradient_of, const ContractionBuffers& buffers,
                        ParameterTensor& weight, const ParameterTensor* bias, const Epilogue& epilogue)
      : products_(make_contraction_data_gradient(
            gradient_of, {.dx = buffers.y, .dy = buffers.x, .weights = buffers.weights}, weight)),
        extent_(gradient_of.in),
        buffers_(buffers),
        bias_(bias),
        epilogue_(epilogue) {}

  std::int64_t weight_floats() const override { return products_->weight_floats(); }
  std::int64_t scratch_floats() const override { return products_->scratch_floats(); }
  void bind(Program& program, Worker::Implementation& worker, int images) override {
    products_->bind(program, worker, images);
  }

  void run(const Frame& frame) override {
    products_->run(frame);
    if (const auto& f = epilogue_.activation) {
      with_activation(f->kind, [&](auto kind) {
        finish(frame, [&](const V& v) { return activate<decltype(kind)::value, B>(v, f->parameter); });
      });
    } else if (bias_ != nullptr || epilogue_.add) {
      finish(frame, [](const V& v) { return v; });
    }
  }

 private:
  using V = Vec<B>;

  template <class F>
  ASSAY_INLINE void finish(const Frame& frame, F&& f) const {
    float* y = frame[buffers_.y];
    const float* addend = epilogue_.add ? frame[buffers_.addend] : nullptr;
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
      const V bias = bias_ != nullptr ? load<B>(bias_->value + tile.channel) : V{};
      for (int n = 0; n < tile.images; ++n) {
        const std::int64_t begin = tile.offset + n * tile.image_stride;
        for (std::int64_t at = begin; at < begin + std::int64_t{tile.pixels} * B; at += B) {
          V v = load<B>(y + at) + bias;
          if (epilogue_.activation_first) v = f(v);
          if (addend != nullptr) v = v + load<B>(addend + at);
          if (!epilogue_.activation_first) v = f(v);
          store<B>(y + at, v);
        }
      }
    });
  }

  std::unique_ptr<Kernel> products_;
  Extent extent_;
  ContractionBuffers buffers_;
  const ParameterTensor* bias_;
  Epilogue epilogue_;
};

template <int B>
class BiasGradient : public Kernel {
 public:
  BiasGradient(BufferId dy, const Extent& extent, const ParameterTensor& bias)
      : dy_(dy), extent_(extent), bias_(bias), sums_(static_cast<std::size_t>(extent.padded)) {}

  void run(const Frame& frame) override {
    const float* dy = frame[dy_];
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for_tiles<B>(frame.images, extent_, [&](const Tile& tile) {
      Vec<B> sum{};
      for (int n = 0; n < tile.images; ++n) {
        const float* p = dy + tile.offset + n * tile.image_stride;
        for (int i = 0; i < tile.pixels; ++i, p += B) sum = sum + load<B>(p);
      }
      float lanes[B];
      store<B>(lanes, sum);
      double* sums = sums_.data() + tile.channel;
      for (int i = 0; i < B; ++i) sums[i] += static_cast<double>(lanes[i]);
    });
    std::copy(sums_.begin(), sums_.end(), bias_.gradient);
  }

 private:
  BufferId dy_;
  Extent extent_;
  const ParameterTensor& bias_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Kernel> make_transposed_convolution(const Contraction& gradient_of,
                                                    const ContractionBuffers& buffers,
                                                    ParameterTensor& weight, const ParameterTensor* bias,
                                                    const Epilogue& epilogue) {
  return make_blocked<TransposedConvolution>(gradient_of, buffers, weight, bias, epilogue);
}
std::unique_ptr<Kernel> make_bias_gradient(BufferId dy, const Extent& extent, const ParameterTensor& bias) {
  return make_blocked<BiasGradient>(dy, extent, bias);
}

}  // namespace assay
