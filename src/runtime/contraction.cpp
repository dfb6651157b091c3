#include "contraction.hpp"

#include "assay/base/error.hpp"

#include <array>
#include <cstring>
#include <limits>

namespace assay {

namespace {

using dnnl::memory;
using Layout = memory::desc;
using Tag = memory::format_tag;
using Dims = memory::dims;
constexpr auto f32 = memory::data_type::f32;

// The geometry in oneDNN's words, for `images` images. Undefined formats are oneDNN's choice.
struct Problem {
  Layout source, weights, bias, destination;
  Dims strides, dilations, pad_begin, pad_end;
};

Layout activation_layout(const Contraction& c, const Extent& extent, int images, bool any) {
  const int channels = c.is_ragged() ? extent.channels : extent.padded;
  if (c.linear) return {{images, channels}, f32, Tag::nc};
  const Tag blocked = block_size() == 16 ? Tag::nChw16c : Tag::nChw8c;
  return {{images, channels, extent.height, extent.width},
          f32,
          any            ? Tag::any
          : extent.plain ? Tag::nchw
                         : blocked};
}

// `channels_of` picks the real or the stored channel count.
template <class F>
Dims weight_dims(const Contraction& c, F&& channels_of) {
  const int in = channels_of(c.in), out = channels_of(c.out);
  if (c.linear) return {out, in};
  const Dims::value_type kh = c.window.kernel_h, kw = c.window.kernel_w;
  if (c.is_depthwise()) return {in, 1, 1, kh, kw};
  if (c.groups > 1) return {c.groups, out / c.groups, in / c.groups, kh, kw};
  return {out, in, kh, kw};
}

Dims real_weight_dims(const Contraction& c) {
  return weight_dims(c, [](const Extent& e) { return e.channels; });
}

Problem make_problem(const Contraction& c, int images, bool any) {
  const Window& w = c.window;
  const Dims dims = weight_dims(c, [&](const Extent& e) { return c.is_ragged() ? e.channels : e.padded; });
  return {.source = activation_layout(c, c.in, images, any),
          .weights = {dims, f32, Tag::any},
          .bias = {{c.is_ragged() ? c.out.channels : c.out.padded}, f32, Tag::x},
          .destination = activation_layout(c, c.out, images, any),
          .strides = {w.stride_h, w.stride_w},
          .dilations = {w.dilation_h - 1, w.dilation_w - 1},
          .pad_begin = {w.pad_top, w.pad_left},
          .pad_end = {w.pad_bottom, w.pad_right}};
}

// The same stored floats, with the padding known as such: a reorder to this layout writes zeros there.
Layout with_real_dims(Layout layout, const Contraction& c) {
  const Dims real = real_weight_dims(c);
  std::copy(real.begin(), real.end(), layout.data.dims);
  return layout;
}

CacheKey key_of(const Contraction& c, int images, char direction) {
  const Window& w = c.window;
  const bool ragged = c.is_ragged();
  const auto channels = [&](const Extent& e) { return ragged ? e.channels : e.padded; };
  return CacheKey{
      direction,      images,      c.linear,   c.bias,       ragged,          c.is_depthwise() ? 0 : c.groups,
      channels(c.in), c.in.height, c.in.width, c.in.plain,   channels(c.out), c.out.height,
      c.out.width,    w.kernel_h,  w.kernel_w, w.stride_h,   w.stride_w,      w.dilation_h,
      w.dilation_w,   w.pad_top,   w.pad_left, w.pad_bottom, w.pad_right};
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

void append_activation(dnnl::post_ops& ops, const ActivationFunction& function) {
  using dnnl::algorithm;
  switch (function.kind) {
    case Activation::relu:
    case Activation::leaky_relu: {
      // oneDNN's ReLU of slope 0 turns NaN into 0 and would hide an overflow; one with any slope keeps it.
      const float slope = function.kind == Activation::relu || function.parameter == 0
                              ? std::numeric_limits<float>::min()
                              : function.parameter;
      return ops.append_eltwise(1, algorithm::eltwise_relu, slope, 0);
    }
    case Activation::h_swish:
      return ops.append_eltwise(1, algorithm::eltwise_hardswish, 0, 0);
    case Activation::silu:
      return ops.append_eltwise(1, algorithm::eltwise_swish, 1, 0);
    case Activation::sigmoid:
      return ops.append_eltwise(1, algorithm::eltwise_logistic, 0, 0);
    case Activation::tanh:
      return ops.append_eltwise(1, algorithm::eltwise_tanh, 0, 0);
    case Activation::gelu:
      return ops.append_eltwise(1, algorithm::eltwise_gelu_erf, 0, 0);
    case Activation::relu6:
    case Activation::h_sigmoid:
      break;
  }
  throw InternalError("An activation cannot run inside a oneDNN primitive.");
}

// A compiled contraction with its layouts. Where oneDNN's only fast layouts are not ours, activations are
// reordered.
struct CachedContraction : Cached {
  Primitive primitive;
  Layout source, weights, destination;  // as the primitive wants them
  std::int64_t scratch = 0;             // floats of oneDNN's scratchpad
  CachedContraction(Primitive p) : primitive(std::move(p)) {}
};

bool is_slow(const dnnl_primitive_desc* pd) {
  const char* info = nullptr;
  dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, static_cast<void*>(&info));
  return info != nullptr && (std::strstr(info, "ref") != nullptr || std::strstr(info, "gemm:") != nullptr);
}

// `make(problem)` gives a primitive descriptor; that for our layouts unless oneDNN has only slow code for
// them.
template <class Make>
auto choose(const Contraction& c, int images, Make&& make) {
  auto pd = make(make_problem(c, images, false));
  if (!c.linear && is_slow(pd.get())) pd = make(make_problem(c, images, true));
  return pd;
}

dnnl::convolution_forward::primitive_desc convolution_forward(const dnnl::engine& engine,
                                                              const Contraction& c, const Problem& p,
                                                              const dnnl::primitive_attr& attributes) {
  using Convolution = dnnl::convolution_forward;
  const auto prop = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto desc = c.bias ? Convolution::desc(prop, direct, p.source, p.weights, p.bias, p.destination,
                                               p.strides, p.dilations, p.pad_begin, p.pad_end)
                           : Convolution::desc(prop, direct, p.source, p.weights, p.destination, p.strides,
                                               p.dilations, p.pad_begin, p.pad_end);
  return {desc, attributes, engine};
}

dnnl::inner_product_forward::primitive_desc linear_forward(const dnnl::engine& engine, const Contraction& c,
                                                           const Problem& p,
                                                           const dnnl::primitive_attr& attributes) {
  using Linear = dnnl::inner_product_forward;
  const auto prop = dnnl::prop_kind::forward_training;
  const auto desc = c.bias ? Linear::desc(prop, p.source, p.weights, p.bias, p.destination)
                           : Linear::desc(prop, p.source, p.weights, p.destination);
  return {desc, attributes, engine};
}

template <class Pd, class Operation>
std::shared_ptr<CachedContraction> finish_forward(const dnnl::engine& engine, const Contraction& c,
                                                  const Pd& pd, const Layout& bias) {
  std::vector<Primitive::Argument> arguments{{DNNL_ARG_SRC, pd.src_desc()},
                                             {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                             {DNNL_ARG_DST, pd.dst_desc()},
                                             {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}};
  if (c.bias) arguments.push_back({DNNL_ARG_BIAS, bias});
  auto result = std::make_shared<CachedContraction>(Primitive(engine, Operation(pd), arguments));
  result->source = pd.src_desc();
  result->weights = pd.weights_desc();
  result->destination = pd.dst_desc();
  result->scratch = Worker::Implementation::scratch_floats(pd.scratchpad_desc());
  return result;
}

std::shared_ptr<CachedContraction> forward_primitive(Worker::Implementation& worker, const Contraction& c,
                                                     int images, const Epilogue& epilogue) {
  CacheKey key = key_of(c, images, 'f');
  key.add(epilogue.accumulate).add(epilogue.activation ? static_cast<int>(epilogue.activation->kind) + 1 : 0);
  if (epilogue.activation) {
    std::int32_t bits;
    std::memcpy(&bits, &epilogue.activation->parameter, sizeof bits);
    key.add(bits);
  }
  return worker.cached<CachedContraction>(key, [&] {
    dnnl::primitive_attr attributes = user_scratchpad();
    dnnl::post_ops ops;
    if (epilogue.accumulate) ops.append_sum();
    if (epilogue.activation) append_activation(ops, *epilogue.activation);
    attributes.set_post_ops(ops);
    const Layout bias = make_problem(c, images, false).bias;
    if (c.linear) {
      const auto pd = linear_forward(worker.engine, c, make_problem(c, images, false), attributes);
      return finish_forward<decltype(pd), dnnl::inner_product_forward>(worker.engine, c, pd, bias);
    }
    const auto pd = choose(
        c, images, [&](const Problem& p) { return convolution_forward(worker.engine, c, p, attributes); });
    return finish_forward<decltype(pd), dnnl::convolution_forward>(worker.engine, c, pd, bias);
  });
}

template <class Pd, class Operation>
std::shared_ptr<CachedContraction> finish_data_gradient(const dnnl::engine& engine, const Pd& pd) {
  auto result = std::make_shared<CachedContraction>(Primitive(engine, Operation(pd),
                                                              {{DNNL_ARG_DIFF_SRC, pd.diff_src_desc()},
                                                               {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                                               {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
                                                               {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}));
  result->source = pd.diff_src_desc();
  result->weights = pd.weights_desc();
  result->destination = pd.diff_dst_desc();
  result->scratch = Worker::Implementation::scratch_floats(pd.scratchpad_desc());
  return result;
}

std::shared_ptr<CachedContraction> data_gradient_primitive(Worker::Implementation& worker, Contraction c,
                                                           int images) {
  c.bias = false;
  return worker.cached<CachedContraction>(key_of(c, images, 'd'), [&] {
    const dnnl::engine& engine = worker.engine;
    const dnnl::primitive_attr attributes = user_scratchpad();
    if (c.linear) {
      const Problem p = make_problem(c, images, false);
      const auto hint = linear_forward(engine, c, p, attributes);
      using Linear = dnnl::inner_product_backward_data;
      const Linear::primitive_desc pd(Linear::desc(p.source, p.weights, p.destination), attributes, engine,
                                      hint);
      return finish_data_gradient<Linear::primitive_desc, Linear>(engine, pd);
    }
    using Convolution = dnnl::convolution_backward_data;
    const auto pd = choose(c, images, [&](const Problem& p) {
      const auto hint = convolution_forward(engine, c, p, attributes);
      return Convolution::primitive_desc(
          Convolution::desc(dnnl::algorithm::convolution_direct, p.source, p.weights, p.destination,
                            p.strides, p.dilations, p.pad_begin, p.pad_end),
          attributes, engine, hint);
    });
    return finish_data_gradient<Convolution::primitive_desc, Convolution>(engine, pd);
  });
}

template <class Pd, class Operation>
std::shared_ptr<CachedContraction> finish_weight_gradient(const dnnl::engine& engine, const Contraction& c,
                                                          const Pd& pd, const Layout& bias) {
  std::vector<Primitive::Argument> arguments{{DNNL_ARG_SRC, pd.src_desc()},
                                             {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc()},
                                             {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
                                             {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}};
  if (c.bias) arguments.push_back({DNNL_ARG_DIFF_BIAS, bias});
  auto result = std::make_shared<CachedContraction>(Primitive(engine, Operation(pd), arguments));
  result->source = pd.src_desc();
  result->weights = pd.diff_weights_desc();
  result->destination = pd.diff_dst_desc();
  result->scratch = Worker::Implementation::scratch_floats(pd.scratchpad_desc());
  return result;
}

std::shared_ptr<CachedContraction> weight_gradient_primitive(Worker::Implementation& worker,
                                                             const Contraction& c, int images) {
  return worker.cached<CachedContraction>(key_of(c, images, 'w'), [&] {
    const dnnl::engine& engine = worker.engine;
    const dnnl::primitive_attr attributes = user_scratchpad();
    const Layout bias = make_problem(c, images, false).bias;
    if (c.linear) {
      const Problem p = make_problem(c, images, false);
      const auto hint = linear_forward(engine, c, p, attributes);
      using Linear = dnnl::inner_product_backward_weights;
      const auto desc = c.bias ? Linear::desc(p.source, p.weights, p.bias, p.destination)
                               : Linear::desc(p.source, p.weights, p.destination);
      const Linear::primitive_desc pd(desc, attributes, engine, hint);
      return finish_weight_gradient<Linear::primitive_desc, Linear>(engine, c, pd, bias);
    }
    using Convolution = dnnl::convolution_backward_weights;
    const auto direct = dnnl::algorithm::convolution_direct;
    const auto pd = choose(c, images, [&](const Problem& p) {
      const auto hint = convolution_forward(engine, c, p, attributes);
      const auto desc = c.bias ? Convolution::desc(direct, p.source, p.weights, p.bias, p.destination,
                                                   p.strides, p.dilations, p.pad_begin, p.pad_end)
                               : Convolution::desc(direct, p.source, p.weights, p.destination, p.strides,
                                                   p.dilations, p.pad_begin, p.pad_end);
      return Convolution::primitive_desc(desc, attributes, engine, hint);
    });
    return finish_weight_gradient<Convolution::primitive_desc, Convolution>(engine, c, pd, bias);
  });
}

// Common to the three directions: the primitive, and a place in the worker's scratch for each tensor that it
// wants in another layout than ours.
class ContractionKernel : public Kernel {
 public:
  ContractionKernel(const Contraction& contraction, const ContractionBuffers& buffers)
      : c_(contraction), buffers_(buffers) {}
  std::int64_t weight_floats() const override { return c_.weights(); }

 protected:
  void prepare(Worker::Implementation& worker, std::shared_ptr<CachedContraction> primitive, int images,
               const Layout* weights) {
    worker_ = &worker;
    primitive_ = std::move(primitive);
    source_layout_ = activation_layout(c_, c_.in, images, false);
    destination_layout_ = activation_layout(c_, c_.out, images, false);
    scratch_ = primitive_->scratch;
    source_at_ = reserve(primitive_->source, source_layout_);
    destination_at_ = reserve(primitive_->destination, destination_layout_);
    if (weights != nullptr) weights_at_ = reserve(with_real_dims(primitive_->weights, c_), *weights);
  }
  // Offset in scratch, or -1 where the layouts agree.
  std::int64_t reserve(const Layout& wanted, const Layout& ours) {
    if (wanted == ours) return -1;
    const std::int64_t at = (scratch_ + 15) / 16 * 16;
    scratch_ = at + static_cast<std::int64_t>(wanted.get_size() / sizeof(float));
    return at;
  }
  static float* place(float* scratch, std::int64_t at, float* ours) { return at < 0 ? ours : scratch + at; }

  // `ours` in the primitive's layout.
  const float* fetch(float* scratch, std::int64_t at, const Layout& our_layout, const float* ours,
                     const Layout& wanted) const {
    if (at < 0) return ours;
    worker_->reorder(our_layout, ours, wanted, scratch + at);
    return scratch + at;
  }

  Contraction c_;
  ContractionBuffers buffers_;
  Worker::Implementation* worker_ = nullptr;
  std::shared_ptr<CachedContraction> primitive_;
  Layout source_layout_, destination_layout_;
  std::int64_t scratch_ = 0, source_at_ = -1, destination_at_ = -1, weights_at_ = -1;
};

class Forward : public ContractionKernel {
 public:
  Forward(const Contraction& contraction, const ContractionBuffers& buffers, ParameterTensor& weight,
          const ParameterTensor* bias, const Epilogue& epilogue)
      : ContractionKernel(contraction, buffers), weight_(weight), bias_(bias), epilogue_(epilogue) {}

  void bind(Program&, Worker::Implementation& worker, int images) override {
    prepare(worker, forward_primitive(worker, c_, images, epilogue_), images, nullptr);
    weight_.set_layout(with_real_dims(primitive_->weights, c_));
  }

  void run(const Frame& frame) override {
    float* scratch = worker_->scratch(scratch_);
    float* y = frame[buffers_.y];
    const float* x = fetch(scratch, source_at_, source_layout_, frame[buffers_.x], primitive_->source);
    float* out = place(scratch, destination_at_, y);
    if (epilogue_.accumulate)
      fetch(scratch, destination_at_, destination_layout_, y, primitive_->destination);
    if (bias_ != nullptr) {
      primitive_->primitive.run(worker_->stream, {x, weight_.value, out, scratch, bias_->value});
    } else {
      primitive_->primitive.run(worker_->stream, {x, weight_.value, out, scratch});
    }
    if (destination_at_ >= 0) worker_->reorder(primitive_->destination, out, destination_layout_, y);
  }

 private:
  ParameterTensor& weight_;
  const ParameterTensor* bias_;
  Epilogue epilogue_;
};

class DataGradient : public ContractionKernel {
 public:
  DataGradient(const Contraction& contraction, const ContractionBuffers& buffers,
               const ParameterTensor& weight)
      : ContractionKernel(contraction, buffers), weight_(weight) {}

  void bind(Program& program, Worker::Implementation& worker, int images) override {
    prepare(worker, data_gradient_primitive(worker, c_, images), images, nullptr);
    wanted_ = with_real_dims(primitive_->weights, c_);
    if (wanted_ != weight_.layout) {
      program.resize(buffers_.weights, static_cast<std::int64_t>(wanted_.get_size() / sizeof(float)));
    }
  }

  void run(const Frame& frame) override {
    const float* weights = weight_.value;
    if (wanted_ != weight_.layout) {
      float* reordered = frame[buffers_.weights];
      if (frame.is_first()) worker_->reorder(weight_.layout, weights, wanted_, reordered);
      weights = reordered;
    }
    float* scratch = worker_->scratch(scratch_);
    float* dx = frame[buffers_.dx];
    const float* dy =
        fetch(scratch, destination_at_, destination_layout_, frame[buffers_.dy], primitive_->destination);
    float* out = place(scratch, source_at_, dx);
    primitive_->primitive.run(worker_->stream, {out, weights, dy, scratch});
    if (source_at_ >= 0) worker_->reorder(primitive_->source, out, source_layout_, dx);
  }

 private:
  const ParameterTensor& weight_;
  Layout wanted_;
};

class WeightGradient : public ContractionKernel {
 public:
  WeightGradient(const Contraction& contraction, const ContractionBuffers& buffers,
                 const ParameterTensor& weight, const ParameterTensor* bias)
      : ContractionKernel(contraction, buffers), weight_(weight), bias_(bias) {}

  void bind(Program&, Worker::Implementation& worker, int images) override {
    prepare(worker, weight_gradient_primitive(worker, c_, images), images, &weight_.layout);
  }

  void run(const Frame& frame) override {
    float* scratch = worker_->scratch(scratch_);
    const float* x = fetch(scratch, source_at_, source_layout_, frame[buffers_.x], primitive_->source);
    const float* dy =
        fetch(scratch, destination_at_, destination_layout_, frame[buffers_.dy], primitive_->destination);
    float* out = place(scratch, weights_at_, weight_.gradient);
    if (bias_ != nullptr) {
      primitive_->primitive.run(worker_->stream, {x, out, dy, scratch, bias_->gradient});
    } else {
      primitive_->primitive.run(worker_->stream, {x, out, dy, scratch});
    }
    if (weights_at_ >= 0) {
      worker_->reorder(with_real_dims(primitive_->weights, c_), out, weight_.layout, weight_.gradient);
    }
  }

 private:
  const ParameterTensor& weight_;
  const ParameterTensor* bias_;
};

}  // namespace

bool Epilogue::supports(const ActivationFunction& function, const Extent& extent) {
  // ReLU6 as a oneDNN post-operation turns NaN into 0 and would hide an overflow; h-sigmoid does not exist.
  if (function.kind == Activation::relu6 || function.kind == Activation::h_sigmoid) return false;
  return function.keeps_zero() || extent.channels == extent.padded;
}

std::unique_ptr<Kernel> make_contraction(const Contraction& contraction, const ContractionBuffers& buffers,
                                         ParameterTensor& weight, const ParameterTensor* bias,
                                         const Epilogue& epilogue) {
  return std::make_unique<Forward>(contraction, buffers, weight, bias, epilogue);
}

std::unique_ptr<Kernel> make_contraction_data_gradient(const Contraction& contraction,
                                                       const ContractionBuffers& buffers,
                                                       const ParameterTensor& weight) {
  Contraction blocked = contraction;
  blocked.in = Extent::blocked({contraction.in.channels, contraction.in.height, contraction.in.width});
  return std::make_unique<DataGradient>(blocked, buffers, weight);
}

std::unique_ptr<Kernel> make_contraction_weight_gradient(const Contraction& contraction,
                                                         const ContractionBuffers& buffers,
                                                         const ParameterTensor& weight,
                                                         const ParameterTensor* bias) {
  if (contraction.is_depthwise()) return make_depthwise_weight_gradient(contraction, buffers, weight, bias);
  return std::make_unique<WeightGradient>(contraction, buffers, weight, bias);
}

}  // namespace assay
