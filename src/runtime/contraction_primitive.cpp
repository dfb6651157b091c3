#include "contraction_primitive.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace assay {

namespace {

using dnnl::memory;
using Layout = memory::desc;
using Tag = memory::format_tag;
using Dims = memory::dims;
constexpr auto f32 = memory::data_type::f32;
// Forward primitives keep nothing for backward; as hints of backward primitives they have to say otherwise.
constexpr auto inference = dnnl::prop_kind::forward_inference, training = dnnl::prop_kind::forward_training;

// The geometry in oneDNN's words, for `images` images. Undefined formats are oneDNN's choice.
struct Problem {
  Layout source, weights, bias, destination;
  Dims strides, dilations, pad_begin, pad_end;
};

Layout layout_of(const Contraction& c, const Extent& extent, int images, bool any) {
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

Problem make_problem(const Contraction& c, int images, bool any) {
  const Window& w = c.window;
  const Dims dims = weight_dims(c, [&](const Extent& e) { return c.is_ragged() ? e.channels : e.padded; });
  return {.source = layout_of(c, c.in, images, any),
          .weights = {dims, f32, Tag::any},
          .bias = {{c.is_ragged() ? c.out.channels : c.out.padded}, f32, Tag::x},
          .destination = layout_of(c, c.out, images, any),
          .strides = {w.stride_h, w.stride_w},
          .dilations = {w.dilation_h - 1, w.dilation_w - 1},
          .pad_begin = {w.pad_top, w.pad_left},
          .pad_end = {w.pad_bottom, w.pad_right}};
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
      return ops.append_eltwise(1, algorithm::eltwise_clip, 0, 6);
    case Activation::h_sigmoid:
      break;
  }
  throw InternalError("An activation cannot run inside a oneDNN primitive.");
}

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
                                                              const dnnl::primitive_attr& attributes,
                                                              dnnl::prop_kind prop) {
  using Convolution = dnnl::convolution_forward;
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto desc = c.bias ? Convolution::desc(prop, direct, p.source, p.weights, p.bias, p.destination,
                                               p.strides, p.dilations, p.pad_begin, p.pad_end)
                           : Convolution::desc(prop, direct, p.source, p.weights, p.destination, p.strides,
                                               p.dilations, p.pad_begin, p.pad_end);
  return {desc, attributes, engine};
}

dnnl::inner_product_forward::primitive_desc linear_forward(const dnnl::engine& engine, const Contraction& c,
                                                           const Problem& p,
                                                           const dnnl::primitive_attr& attributes,
                                                           dnnl::prop_kind prop) {
  using Linear = dnnl::inner_product_forward;
  const auto desc = c.bias ? Linear::desc(prop, p.source, p.weights, p.bias, p.destination)
                           : Linear::desc(prop, p.source, p.weights, p.destination);
  return {desc, attributes, engine};
}

// The arguments' names in a direction.
struct ArgumentKinds {
  int source, weights, destination, bias;
};
constexpr ArgumentKinds forward_kinds{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS};
constexpr ArgumentKinds data_kinds{DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0};
constexpr ArgumentKinds weight_kinds{DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST,
                                     DNNL_ARG_DIFF_BIAS};

std::shared_ptr<CachedContraction> finish(const dnnl::engine& engine, const Contraction& c,
                                          dnnl::primitive primitive, const ArgumentKinds& kinds,
                                          const Layout& source, const Layout& weights,
                                          const Layout& destination, const Layout& scratchpad,
                                          const std::vector<Primitive::Argument>& further = {}) {
  std::vector<Primitive::Argument> arguments{{kinds.source, source},
                                             {kinds.weights, weights},
                                             {kinds.destination, destination},
                                             {DNNL_ARG_SCRATCHPAD, scratchpad}};
  if (c.bias) arguments.push_back({kinds.bias, make_problem(c, 1, false).bias});
  arguments.insert(arguments.end(), further.begin(), further.end());
  auto result = std::make_shared<CachedContraction>(Primitive(engine, std::move(primitive), arguments));
  result->source = source;
  result->weights = weights;
  result->destination = destination;
  result->scratch = Worker::Implementation::scratch_floats(scratchpad);
  return result;
}

}  // namespace

dnnl::memory::desc activation_layout(const Contraction& c, const Extent& extent, int images) {
  return layout_of(c, extent, images, false);
}

dnnl::memory::desc with_real_dims(dnnl::memory::desc layout, const Contraction& c) {
  const Dims real = weight_dims(c, [](const Extent& e) { return e.channels; });
  std::copy(real.begin(), real.end(), layout.data.dims);
  return layout;
}

std::shared_ptr<CachedContraction> forward_primitive(Worker::Implementation& worker, const Contraction& c,
                                                     int images, const Epilogue& epilogue) {
  CacheKey key = key_of(c, images, 'f');
  key.add(epilogue.add)
      .add(epilogue.activation_first)
      .add(epilogue.activation ? static_cast<int>(epilogue.activation->kind) + 1 : 0);
  if (epilogue.activation) {
    std::int32_t bits;
    std::memcpy(&bits, &epilogue.activation->parameter, sizeof bits);
    key.add(bits);
  }
  return worker.cached<CachedContraction>(key, [&] {
    const dnnl::engine& engine = worker.engine;
    dnnl::primitive_attr attributes = user_scratchpad();
    dnnl::post_ops ops;
    const bool activation_first = epilogue.activation && epilogue.activation_first;
    if (activation_first) append_activation(ops, *epilogue.activation);
    std::vector<Primitive::Argument> addend;
    if (epilogue.add) {
      addend.push_back(
          {DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops.len()) | DNNL_ARG_SRC_1, activation_layout(c, c.out, images)});
      ops.append_binary(dnnl::algorithm::binary_add, addend[0].layout);
    }
    if (epilogue.activation && !activation_first) append_activation(ops, *epilogue.activation);
    attributes.set_post_ops(ops);
    const auto finish_forward = [&](const auto& pd, dnnl::primitive primitive) {
      return finish(engine, c, std::move(primitive), forward_kinds, pd.src_desc(), pd.weights_desc(),
                    pd.dst_desc(), pd.scratchpad_desc(), addend);
    };
    if (c.linear) {
      const auto pd = linear_forward(engine, c, make_problem(c, images, false), attributes, inference);
      return finish_forward(pd, dnnl::inner_product_forward(pd));
    }
    const auto pd = choose(c, images, [&](const Problem& p) {
      return convolution_forward(engine, c, p, attributes, inference);
    });
    return finish_forward(pd, dnnl::convolution_forward(pd));
  });
}

std::shared_ptr<CachedContraction> data_gradient_primitive(Worker::Implementation& worker, Contraction c,
                                                           int images) {
  c.bias = false;
  return worker.cached<CachedContraction>(key_of(c, images, 'd'), [&] {
    const dnnl::engine& engine = worker.engine;
    const dnnl::primitive_attr attributes = user_scratchpad();
    const auto finish_data = [&](const auto& pd, dnnl::primitive primitive) {
      return finish(engine, c, std::move(primitive), data_kinds, pd.diff_src_desc(), pd.weights_desc(),
                    pd.diff_dst_desc(), pd.scratchpad_desc());
    };
    if (c.linear) {
      using Linear = dnnl::inner_product_backward_data;
      const Problem p = make_problem(c, images, false);
      const Linear::primitive_desc pd(Linear::desc(p.source, p.weights, p.destination), attributes, engine,
                                      linear_forward(engine, c, p, attributes, training));
      return finish_data(pd, Linear(pd));
    }
    using Convolution = dnnl::convolution_backward_data;
    const auto pd = choose(c, images, [&](const Problem& p) {
      const Convolution::desc desc(dnnl::algorithm::convolution_direct, p.source, p.weights, p.destination,
                                   p.strides, p.dilations, p.pad_begin, p.pad_end);
      return Convolution::primitive_desc(desc, attributes, engine,
                                         convolution_forward(engine, c, p, attributes, training));
    });
    return finish_data(pd, Convolution(pd));
  });
}

std::shared_ptr<CachedContraction> weight_gradient_primitive(Worker::Implementation& worker,
                                                             const Contraction& c, int images) {
  return worker.cached<CachedContraction>(key_of(c, images, 'w'), [&] {
    const dnnl::engine& engine = worker.engine;
    const dnnl::primitive_attr attributes = user_scratchpad();
    const auto finish_weights = [&](const auto& pd, dnnl::primitive primitive) {
      return finish(engine, c, std::move(primitive), weight_kinds, pd.src_desc(), pd.diff_weights_desc(),
                    pd.diff_dst_desc(), pd.scratchpad_desc());
    };
    if (c.linear) {
      using Linear = dnnl::inner_product_backward_weights;
      const Problem p = make_problem(c, images, false);
      const auto desc = c.bias ? Linear::desc(p.source, p.weights, p.bias, p.destination)
                               : Linear::desc(p.source, p.weights, p.destination);
      const Linear::primitive_desc pd(desc, attributes, engine,
                                      linear_forward(engine, c, p, attributes, training));
      return finish_weights(pd, Linear(pd));
    }
    using Convolution = dnnl::convolution_backward_weights;
    const auto direct = dnnl::algorithm::convolution_direct;
    const auto pd = choose(c, images, [&](const Problem& p) {
      const auto desc = c.bias ? Convolution::desc(direct, p.source, p.weights, p.bias, p.destination,
                                                   p.strides, p.dilations, p.pad_begin, p.pad_end)
                               : Convolution::desc(direct, p.source, p.weights, p.destination, p.strides,
                                                   p.dilations, p.pad_begin, p.pad_end);
      return Convolution::primitive_desc(desc, attributes, engine,
                                         convolution_forward(engine, c, p, attributes, training));
    });
    return finish_weights(pd, Convolution(pd));
  });
}

}  // namespace assay
