// Weight gradient of depthwise convolutions on channel blocks. It is summed tap by tap (Goihw16g), which is
// how oneDNN stores the weights; where windows reach far beyond a tiny map it stores them otherwise, and the
// gradient is reordered.
#include "contraction_primitive.hpp"
#include "kernels.hpp"
#include "vec.hpp"

#include <algorithm>

namespace assay {

namespace {

template <int B>
class DepthwiseWeightGradient : public Kernel {
 public:
  DepthwiseWeightGradient(const Contraction& contraction, const ContractionBuffers& buffers,
                          const ParameterTensor& weight, const ParameterTensor* bias)
      : c_(contraction), buffers_(buffers), weight_(weight), bias_(bias) {}

  void bind(Program&, Worker::Implementation& worker, int) override {
    worker_ = &worker;
    layout_ =
        with_real_dims({{c_.in.padded, 1, 1, c_.window.kernel_h, c_.window.kernel_w},
                        dnnl::memory::data_type::f32,
                        B == 16 ? dnnl::memory::format_tag::Goihw16g : dnnl::memory::format_tag::Goihw8g},
                       c_);
    if (layout_ != weight_.layout) scratch_ = static_cast<std::int64_t>(layout_.get_size() / sizeof(float));
  }
  std::int64_t scratch_floats() const override { return scratch_; }

  void run(const Frame& frame) override {
    float* gradient = scratch_ > 0 ? worker_->scratch(scratch_) : weight_.gradient;
    add_up(frame, gradient);
    if (scratch_ > 0) worker_->reorder(layout_, gradient, weight_.layout, weight_.gradient);
  }

 private:
  void add_up(const Frame& frame, float* gradient) const {
    const std::int64_t taps = std::int64_t{c_.window.kernel_h} * c_.window.kernel_w;
    for (int c = 0; c < c_.in.padded; c += B) {
      float* dw = gradient + c * taps;
      std::fill_n(dw, taps * B, 0.0f);
      if (bias_ != nullptr) std::fill_n(bias_->gradient + c, B, 0.0f);
      for (int n = 0; n < frame.images; ++n) {
        const float* x = frame[buffers_.x] + n * c_.in.floats() + std::int64_t{c} * c_.in.pixels();
        const float* dy = frame[buffers_.dy] + n * c_.out.floats() + std::int64_t{c} * c_.out.pixels();
        add_plane(x, dy, dw);
        if (bias_ != nullptr) add_bias(dy, bias_->gradient + c);
      }
    }
  }

  void add_plane(const float* x, const float* dy, float* dw) const {
    const Window& w = c_.window;
    const std::int64_t x_row = std::int64_t{c_.in.width} * B, dw_row = std::int64_t{w.kernel_w} * B;
    for (int o = 0; o < c_.out.height; ++o, dy += std::int64_t{c_.out.width} * B) {
      for (int k = 0; k < w.kernel_h; ++k) {
        const int y = o * w.stride_h - w.pad_top + k * w.dilation_h;
        if (y < 0 || y >= c_.in.height) continue;
        switch (w.kernel_w) {
          case 3:
            add_row<3>(x + y * x_row, dy, dw + k * dw_row);
            break;
          case 5:
            add_row<5>(x + y * x_row, dy, dw + k * dw_row);
            break;
          case 7:
            add_row<7>(x + y * x_row, dy, dw + k * dw_row);
            break;
          default:
            for (int j = 0; j < w.kernel_w; ++j)
              add_tap(x + y * x_row, dy, dw + k * dw_row, j, 0, c_.out.width);
        }
      }
    }
  }

  // Output columns whose tap j lies inside the image.
  std::pair<int, int> columns(int j) const {
    const Window& w = c_.window;
    const int origin = j * w.dilation_w - w.pad_left;
    const int begin = origin >= 0 ? 0 : (-origin + w.stride_w - 1) / w.stride_w;
    const int end = origin >= c_.in.width ? 0 : (c_.in.width - 1 - origin) / w.stride_w + 1;
    return {begin, std::min(end, c_.out.width)};
  }

  // One output row against one input row: all taps at once where all lie inside the image, one by one at the
  // borders.
  template <int K>
  ASSAY_INLINE void add_row(const float* x, const float* dy, float* dw) const {
    const Window& w = c_.window;
    const int begin = columns(0).first, end = std::max(begin, columns(K - 1).second);
    for (int j = 0; j < K; ++j) {
      add_tap(x, dy, dw, j, 0, begin);
      add_tap(x, dy, dw, j, end, c_.out.width);
    }
    Vec<B> even[K], odd[K] = {};  // two sums per tap hide the latency of multiply-add
    for (int j = 0; j < K; ++j) even[j] = load<B>(dw + j * B);
    const int step = w.stride_w * B, tap = w.dilation_w * B;
    const float* xp = x + (std::int64_t{begin} * w.stride_w - w.pad_left) * B;
    const float* g = dy + std::int64_t{begin} * B;
    int o = begin;
    for (; o + 2 <= end; o += 2, g += 2 * B, xp += 2 * step) {
      const Vec<B> g0 = load<B>(g), g1 = load<B>(g + B);
      for (int j = 0; j < K; ++j) {
        even[j] = even[j] + load<B>(xp + j * tap) * g0;
        odd[j] = odd[j] + load<B>(xp + step + j * tap) * g1;
      }
    }
    if (o < end) {
      for (int j = 0; j < K; ++j) even[j] = even[j] + load<B>(xp + j * tap) * load<B>(g);
    }
    for (int j = 0; j < K; ++j) store<B>(dw + j * B, even[j] + odd[j]);
  }

  ASSAY_INLINE void add_tap(const float* x, const float* dy, float* dw, int j, int from, int to) const {
    const Window& w = c_.window;
    const auto [begin, end] = columns(j);
    Vec<B> sum = load<B>(dw + std::int64_t{j} * B);
    for (int o = std::max(from, begin); o < std::min(to, end); ++o) {
      const int i = o * w.stride_w - w.pad_left + j * w.dilation_w;
      sum = sum + load<B>(x + std::int64_t{i} * B) * load<B>(dy + std::int64_t{o} * B);
    }
    store<B>(dw + std::int64_t{j} * B, sum);
  }

  void add_bias(const float* dy, float* db) const {
    Vec<B> sum = load<B>(db);
    for (int p = 0; p < c_.out.pixels(); ++p, dy += B) sum = sum + load<B>(dy);
    store<B>(db, sum);
  }

  Contraction c_;
  ContractionBuffers buffers_;
  const ParameterTensor& weight_;
  const ParameterTensor* bias_;
  Worker::Implementation* worker_ = nullptr;
  dnnl::memory::desc layout_;
  std::int64_t scratch_ = 0;  // floats; 0 where the weights have our layout
};

}  // namespace

std::unique_ptr<Kernel> make_depthwise_weight_gradient(const Contraction& contraction,
                                                       const ContractionBuffers& buffers,
                                                       const ParameterTensor& weight,
                                                       const ParameterTensor* bias) {
  return make_blocked<DepthwiseWeightGradient>(contraction, buffers, weight, bias);
}

}  // namespace assay
