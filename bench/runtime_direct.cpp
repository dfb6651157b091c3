#include "runtime_direct.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace assay {

namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Tag = memory::format_tag;
constexpr auto f32 = memory::data_type::f32;

struct Eltwise {
  algorithm kind;
  float alpha, beta;
};

Eltwise eltwise_of(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return {algorithm::eltwise_relu_use_dst_for_bwd, 0, 0};
    case Activation::relu6:
      return {algorithm::eltwise_clip_v2_use_dst_for_bwd, 0, 6};
    default:
      throw InternalError("The direct calls know ReLU and ReLU6 only, not " +
                          std::string(to_string(activation)) + ".");
  }
}

algorithm pooling_of(const Operator& op) {
  return op.count_include_pad ? algorithm::pooling_avg_include_padding
                              : algorithm::pooling_avg_exclude_padding;
}

memory::dims weight_dims(const Network& network, OpId id) {
  const Operator& op = network.op(id);
  const int in = network.shape(network.inputs(id)[0]).channels;
  const Window& w = op.window;
  if (op.groups == 1) return {op.channels, in, w.kernel_h, w.kernel_w};
  return {op.groups, op.channels / op.groups, in / op.groups, w.kernel_h, w.kernel_w};
}

float epsilon_of(const Operator& norm) {
  return norm.parameter == 0 ? 1e-5f : norm.parameter;
}

}  // namespace

Direct::Direct(const Network& network, Pass pass, int batch, ParameterSource parameter)
    : network_(network),
      pass_(pass),
      batch_(batch),
      parameter_(std::move(parameter)),
      consumers_(network.consumers()),
      value_(static_cast<std::size_t>(network.size())),
      done_(static_cast<std::size_t>(network.size())),
      contributions_(static_cast<std::size_t>(network.size())) {
  input_ = allocate(tensor(0, Tag::nchw));
  value_[0] = copy(input_, blocked(0));
  for (OpId id = 1; id < network.size(); ++id) {
    if (!done_[id]) forward(id);
  }
  const OpId last = network.output();
  output_ = copy(value_[last], tensor(last, Tag::nchw));
  if (trains()) {
    output_gradient_ = allocate(tensor(last, Tag::nchw));
    contributions_[last] = {copy(output_gradient_, value_[last].get_desc())};
    for (OpId id = last; id > 0; --id) {
      if (!contributions_[id].empty()) backward(id);
    }
    input_gradient_ = copy(sum(contributions_[0]), tensor(0, Tag::nchw));
  }
  share_scratchpad();
}

std::vector<float> Direct::gradient(OpId op, ParameterRole role) {
  memory& stored = gradients_.at({op, role});
  const memory::dims dims = stored.get_desc().dims();
  const Tag tag = dims.size() == 1 ? Tag::a : dims.size() == 4 ? Tag::abcd : Tag::abcde;
  memory to({dims, f32, tag}, engine_);
  copy_now(stored, to);
  const std::span<const float> values = floats(to);
  return {values.begin(), values.end()};
}

// A parameter per channel.
memory Direct::upload(OpId op, ParameterRole role) {
  const std::vector<float> values = parameter_(op, role);
  const memory to = allocate({{static_cast<memory::dim>(values.size())}, f32, Tag::a});
  std::copy(values.begin(), values.end(), floats(to).begin());
  return to;
}

Direct::Layout Direct::tensor(OpId id, Tag tag) const {
  const Shape shape = network_.shape(id);
  return {{batch_, shape.channels, shape.height, shape.width}, f32, tag};
}

// What a 3x3 convolution would choose.
Direct::Layout Direct::blocked(OpId id) const {
  const int channels = network_.shape(id).channels;
  const Layout any = tensor(id, Tag::any), weights({channels, channels, 3, 3}, f32, Tag::any);
  const dnnl::convolution_forward::desc desc(prop_kind::forward_training, algorithm::convolution_direct, any,
                                             weights, any, {1, 1}, {1, 1}, {1, 1});
  return dnnl::convolution_forward::primitive_desc(desc, engine_).src_desc();
}

// The operator that alone reads `id`, if it is of that kind; otherwise -1.
OpId Direct::only_consumer(OpId id, OpKind kind) const {
  const auto& readers = consumers_[id];
  return id != network_.output() && readers.size() == 1 && network_.op(readers[0]).kind == kind ? readers[0]
                                                                                                : -1;
}

// In place, unless the source is needed again.
memory Direct::elementwise_target(OpId source) {
  const bool needed = trains() && network_.op(source).kind == OpKind::activation;
  if (source == 0 || needed || consumers_[source].size() > 1) return allocate(value_[source].get_desc());
  return value_[source];
}

void Direct::forward(OpId id) {
  const Operator& op = network_.op(id);
  const std::span<const OpId> inputs = network_.inputs(id);
  switch (op.kind) {
    case OpKind::convolution:
      return forward_convolution(id);
    case OpKind::batch_norm:
      return forward_batch_norm(id);
    case OpKind::activation: {
      const Eltwise function = eltwise_of(op.activation);
      const Layout layout = value_[inputs[0]].get_desc();
      value_[id] = elementwise_target(inputs[0]);
      const dnnl::eltwise_forward::desc desc(prop_kind::forward_training, function.kind, layout,
                                             function.alpha, function.beta);
      return call<dnnl::eltwise_forward>({desc, user_scratchpad(), engine_},
                                         {{DNNL_ARG_SRC, value_[inputs[0]]}, {DNNL_ARG_DST, value_[id]}});
    }
    case OpKind::average_pool: {
      const Geometry g(op.window);
      const memory& source = value_[inputs[0]];
      const Layout any = tensor(id, Tag::any);
      const dnnl::pooling_forward::desc desc(prop_kind::forward_training, pooling_of(op), source.get_desc(),
                                             any, g.strides, g.kernel, g.begin, g.end);
      const dnnl::pooling_forward::primitive_desc pd(desc, user_scratchpad(), engine_);
      pools_[id] = pd;
      value_[id] = allocate(pd.dst_desc());
      return call<dnnl::pooling_forward>(pd, {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, value_[id]}});
    }
    case OpKind::add: {
      std::vector<memory> terms;
      const std::vector<OpId>& joined = joined_[id];
      if (!joined.empty()) terms.push_back(value_[id]);
      for (const OpId input : inputs) {
        if (std::find(joined.begin(), joined.end(), input) == joined.end()) terms.push_back(value_[input]);
      }
      value_[id] = sum(terms);
      return;
    }
    default:
      throw InternalError("The direct calls do not know " + std::string(to_string(op.kind)) + ".");
  }
}

// For inference: where a convolution that only `add` reads may add its result up, in place.
memory Direct::accumulator(OpId convolution, OpId add) {
  std::vector<OpId>& joined = joined_[add];
  if (!joined.empty()) return value_[add];
  for (const OpId input : network_.inputs(add)) {
    const auto finished = [&](OpId reader) { return reader == add || reader < convolution; };
    if (input < convolution && value_[input] &&
        std::all_of(consumers_[input].begin(), consumers_[input].end(), finished)) {
      joined.push_back(input);
      return value_[input];
    }
  }
  return {};
}

void Direct::forward_convolution(OpId id) {
  const memory& source = value_[network_.inputs(id)[0]];
  std::vector<float> weights = parameter_(id, ParameterRole::weight), bias;
  OpId last = id;
  memory target;
  dnnl::post_ops ops;
  if (pass_ == Pass::inference) {
    if (const OpId norm = only_consumer(id, OpKind::batch_norm); norm >= 0) {
      bias = fold(norm, weights);
      done_[last = norm] = true;
    }
    bool complete = true;
    const OpId fused = last;
    const OpId add = only_consumer(last, OpKind::add);
    if (add >= 0) {
      target = accumulator(id, add);
      if (target) ops.append_sum();
      joined_[add].push_back(fused);
      complete = joined_[add].size() == network_.inputs(add).size();
      if (complete) done_[add] = true;
      last = add;
    }
    if (const OpId act = complete ? only_consumer(last, OpKind::activation) : -1; act >= 0) {
      const bool relu = network_.op(act).activation == Activation::relu;
      ops.append_eltwise(1, relu ? algorithm::eltwise_relu : algorithm::eltwise_clip, 0, relu ? 0 : 6);
      done_[last = act] = true;
    }
  }

  const Geometry g(network_.op(id).window);
  const Layout x = tensor(network_.inputs(id)[0], Tag::any);
  const Layout k(weight_dims(network_, id), f32, Tag::any);
  const Layout y = target ? target.get_desc() : tensor(id, Tag::any);
  const Layout b({network_.shape(id).channels}, f32, Tag::a);
  using Convolution = dnnl::convolution_forward;
  // With forward_inference, `any` may mean NHWC, which is slower around depthwise convolutions.
  const auto prop = prop_kind::forward_training;
  const auto direct = algorithm::convolution_direct;
  const Convolution::desc desc =
      bias.empty() ? Convolution::desc(prop, direct, x, k, y, g.strides, g.dilations, g.begin, g.end)
                   : Convolution::desc(prop, direct, x, k, b, y, g.strides, g.dilations, g.begin, g.end);
  const Convolution::primitive_desc pd(desc, user_scratchpad(ops), engine_);
  convolutions_[id] = pd;

  const Tag tag = network_.op(id).groups > 1 ? Tag::goihw : Tag::oihw;
  memory given({weight_dims(network_, id), f32, tag}, engine_, weights.data());
  memory stored = allocate(pd.weights_desc());
  copy_now(given, stored);
  value_[last] = target ? target : allocate(pd.dst_desc());
  Arguments arguments{{DNNL_ARG_SRC, in_layout(source, pd.src_desc())},
                      {DNNL_ARG_WEIGHTS, stored},
                      {DNNL_ARG_DST, value_[last]}};
  if (!bias.empty()) {
    const memory to = allocate(b);
    std::copy(bias.begin(), bias.end(), floats(to).begin());
    arguments.emplace(DNNL_ARG_BIAS, to);
  }
  arguments_[id] = arguments;
  call<Convolution>(pd, std::move(arguments));
}

// Scales the weights of the convolution before `norm`; returns the bias.
std::vector<float> Direct::fold(OpId norm, std::vector<float>& weights) const {
  const std::vector<float> scale = parameter_(norm, ParameterRole::scale),
                           mean = parameter_(norm, ParameterRole::running_mean),
                           variance = parameter_(norm, ParameterRole::running_variance);
  std::vector<float> bias = parameter_(norm, ParameterRole::shift);
  const std::size_t per_channel = weights.size() / bias.size();
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const float a = scale[c] / std::sqrt(variance[c] + epsilon_of(network_.op(norm)));
    for (std::size_t i = 0; i < per_channel; ++i) weights[c * per_channel + i] *= a;
    bias[c] -= mean[c] * a;
  }
  return bias;
}

void Direct::forward_batch_norm(OpId id) {
  using dnnl::normalization_flags;
  const OpId source = network_.inputs(id)[0];
  const Layout layout = value_[source].get_desc();
  auto flags = normalization_flags::use_scale | normalization_flags::use_shift;
  OpId last = id;
  if (const OpId act = only_consumer(id, OpKind::activation);
      act >= 0 && network_.op(act).activation == Activation::relu) {
    flags |= normalization_flags::fuse_norm_relu;
    done_[last = act] = true;
  }
  if (pass_ == Pass::inference) flags |= normalization_flags::use_global_stats;
  const auto prop = trains() ? prop_kind::forward_training : prop_kind::forward_inference;
  const dnnl::batch_normalization_forward::desc desc(prop, layout, epsilon_of(network_.op(id)), flags);
  const dnnl::batch_normalization_forward::primitive_desc pd(desc, user_scratchpad(), engine_);
  norms_[id] = pd;
  value_[last] = trains() ? allocate(layout) : elementwise_target(source);  // backward reads the source
  Arguments arguments{{DNNL_ARG_SRC, value_[source]},
                      {DNNL_ARG_DST, value_[last]},
                      {DNNL_ARG_SCALE, upload(id, ParameterRole::scale)},
                      {DNNL_ARG_SHIFT, upload(id, ParameterRole::shift)}};
  if (pass_ == Pass::inference) {
    arguments.emplace(DNNL_ARG_MEAN, upload(id, ParameterRole::running_mean));
    arguments.emplace(DNNL_ARG_VARIANCE, upload(id, ParameterRole::running_variance));
  } else if (trains()) {
    arguments.emplace(DNNL_ARG_MEAN, allocate(pd.mean_desc()));
    arguments.emplace(DNNL_ARG_VARIANCE, allocate(pd.variance_desc()));
    if (last != id) arguments.emplace(DNNL_ARG_WORKSPACE, allocate(pd.workspace_desc()));
  }
  arguments_[id] = arguments;
  call<dnnl::batch_normalization_forward>(pd, std::move(arguments));
}

void Direct::backward(OpId id) {
  const Operator& op = network_.op(id);
  const std::span<const OpId> inputs = network_.inputs(id);
  const memory gradient = sum(contributions_[id]);
  switch (op.kind) {
    case OpKind::convolution:
      return backward_convolution(id, gradient);
    case OpKind::batch_norm:
      return backward_batch_norm(id, gradient);
    case OpKind::activation: {
      if (done_[id]) {  // by the batch norm
        contributions_[inputs[0]].push_back(gradient);
        return;
      }
      const Eltwise function = eltwise_of(op.activation);
      const Layout layout = value_[id].get_desc();
      const dnnl::eltwise_forward::primitive_desc hint(
          {prop_kind::forward_training, function.kind, layout, function.alpha, function.beta}, engine_);
      const memory result = allocate(layout);
      call<dnnl::eltwise_backward>(
          {{function.kind, layout, layout, function.alpha, function.beta}, user_scratchpad(), engine_, hint},
          {{DNNL_ARG_DST, value_[id]},
           {DNNL_ARG_DIFF_DST, in_layout(gradient, layout)},
           {DNNL_ARG_DIFF_SRC, result}});
      contributions_[inputs[0]].push_back(result);
      return;
    }
    case OpKind::average_pool: {
      const Geometry g(op.window);
      const memory result = allocate(value_[inputs[0]].get_desc());
      const dnnl::pooling_backward::desc desc(pooling_of(op), result.get_desc(), gradient.get_desc(),
                                              g.strides, g.kernel, g.begin, g.end);
      call<dnnl::pooling_backward>({desc, user_scratchpad(), engine_, pools_.at(id)},
                                   {{DNNL_ARG_DIFF_DST, gradient}, {DNNL_ARG_DIFF_SRC, result}});
      contributions_[inputs[0]].push_back(result);
      return;
    }
    default:  // add: forward() let nothing else pass
      for (const OpId input : inputs) contributions_[input].push_back(gradient);
  }
}

void Direct::backward_convolution(OpId id, const memory& gradient) {
  const Geometry g(network_.op(id).window);
  const Layout x = tensor(network_.inputs(id)[0], Tag::any);
  const Layout k(weight_dims(network_, id), f32, Tag::any);
  const Layout y = tensor(id, Tag::any);
  const auto direct = algorithm::convolution_direct;
  const Arguments& given = arguments_.at(id);
  if (pass_ == Pass::weights) {
    using WeightsGradient = dnnl::convolution_backward_weights;
    const WeightsGradient::primitive_desc pd({direct, x, k, y, g.strides, g.dilations, g.begin, g.end},
                                             user_scratchpad(), engine_, convolutions_.at(id));
    const memory result = allocate(pd.diff_weights_desc());
    gradients_[{id, ParameterRole::weight}] = result;
    call<WeightsGradient>(pd, {{DNNL_ARG_SRC, in_layout(given.at(DNNL_ARG_SRC), pd.src_desc())},
                               {DNNL_ARG_DIFF_DST, in_layout(gradient, pd.diff_dst_desc())},
                               {DNNL_ARG_DIFF_WEIGHTS, result}});
  }
  using Data = dnnl::convolution_backward_data;
  const Data::primitive_desc pd({direct, x, k, y, g.strides, g.dilations, g.begin, g.end}, user_scratchpad(),
                                engine_, convolutions_.at(id));
  memory weights = given.at(DNNL_ARG_WEIGHTS);
  if (pass_ == Pass::weights) {
    weights = in_layout(weights, pd.weights_desc());  // they change between runs
  } else {
    memory stored = allocate(pd.weights_desc());
    copy_now(weights, stored);
    weights = stored;
  }
  const memory result = allocate(pd.diff_src_desc());
  call<Data>(pd, {{DNNL_ARG_WEIGHTS, weights},
                  {DNNL_ARG_DIFF_DST, in_layout(gradient, pd.diff_dst_desc())},
                  {DNNL_ARG_DIFF_SRC, result}});
  contributions_[network_.inputs(id)[0]].push_back(result);
}

void Direct::backward_batch_norm(OpId id, const memory& gradient) {
  Arguments arguments = arguments_.at(id);
  arguments.erase(DNNL_ARG_DST);
  const Layout layout = arguments.at(DNNL_ARG_SRC).get_desc();
  using Backward = dnnl::batch_normalization_backward;
  auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  if (arguments.count(DNNL_ARG_WORKSPACE) > 0) flags |= dnnl::normalization_flags::fuse_norm_relu;
  // The input's gradient needs the sums that are those of scale and shift: they come with it in every pass.
  const Backward::primitive_desc pd({prop_kind::backward, layout, layout, epsilon_of(network_.op(id)), flags},
                                    user_scratchpad(), engine_, norms_.at(id));
  const memory result = allocate(layout);
  arguments.emplace(DNNL_ARG_DIFF_DST, in_layout(gradient, layout));
  arguments.emplace(DNNL_ARG_DIFF_SRC, result);
  const Layout channels({network_.shape(id).channels}, f32, Tag::a);
  for (const auto& [role, kind] :
       {std::pair{ParameterRole::scale, DNNL_ARG_DIFF_SCALE}, {ParameterRole::shift, DNNL_ARG_DIFF_SHIFT}}) {
    gradients_[{id, role}] = allocate(channels);
    arguments.emplace(kind, gradients_[{id, role}]);
  }
  call<Backward>(pd, std::move(arguments));
  contributions_[network_.inputs(id)[0]].push_back(result);
}

}  // namespace assay
