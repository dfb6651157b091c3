#include "lowering.hpp"

#include "assay/base/error.hpp"

#include "backward.hpp"
#include "kernels.hpp"
#include "tile.hpp"

#include <algorithm>

namespace assay {

Lowering::Lowering(const Network& network, const CompileOptions& options, Compiled& compiled)
    : network_(network),
      options_(options),
      compiled_(compiled),
      program_(compiled.program),
      fusion_(fuse(network, options)),
      values_(index(network.size())),
      masks_(index(network.size()), no_buffer),
      parameters_(index(network.size())),
      norms_(index(network.size())) {}

void Lowering::forward() {
  add_parameters();
  const Extent plain = Extent::unblocked(network_.input_shape());
  compiled_.input = program_.image_buffer(plain.floats());
  program_.pin(compiled_.input);
  values_[0] = {compiled_.input, plain};
  add_norms();
  after(0);
  for (const Group& group : fusion_.groups) {
    emit(group);
    after(group.output);
  }
  const Value& output = blocked(tensor_of(network_.output()));
  compiled_.output = program_.image_buffer(network_.output_shape().elements());
  program_.keep(compiled_.output);
  program_.emit(0, make_unpack(output.buffer, compiled_.output, output.extent),
                {{output.buffer}, {compiled_.output}});
}

void Lowering::add_parameters() {
  const std::vector<bool> live = live_operators(network_, options_);
  for (OpId id = 0; id < network_.size(); ++id) {
    const Operator& op = network_.op(id);
    if (!live[index(id)] || !op.has_parameters()) continue;
    const int channels = network_.shape(id).channels;
    const auto vector = [&](ParameterRole role, std::int64_t fan_in, std::int64_t fan_out, bool trained) {
      ParameterTensor tensor{.op = id,
                             .role = role,
                             .dims = {channels},
                             .fan_in = fan_in,
                             .fan_out = fan_out,
                             .trained = trained,
                             .floats = round_up(channels, block_size()),
                             .layout = {}};
      return &compiled_.parameters.add(std::move(tensor));
    };
    OperatorParameters& p = parameters_[index(id)];
    if (op.kind == OpKind::batch_norm || op.kind == OpKind::layer_norm) {
      p.scale = vector(ParameterRole::scale, 1, 1, true);
      p.shift = vector(ParameterRole::shift, 1, 1, true);
      if (op.kind == OpKind::layer_norm) continue;
      p.running_mean = vector(ParameterRole::running_mean, 1, 1, false);
      p.running_variance = vector(ParameterRole::running_variance, 1, 1, false);
      continue;
    }
    const std::vector<std::int64_t> dims = parameter_dims(network_, id, ParameterRole::weight);
    const std::int64_t field = dims.size() == 4 ? dims[2] * dims[3] : 1;
    const std::int64_t fan_in = dims[1] * field, fan_out = dims[0] * field;
    p.weight = &compiled_.parameters.add({.op = id,
                                          .role = ParameterRole::weight,
                                          .dims = dims,
                                          .fan_in = fan_in,
                                          .fan_out = fan_out,
                                          .layout = {}});
    if (op.bias) p.bias = vector(ParameterRole::bias, fan_in, fan_out, true);
  }
}

void Lowering::add_norms() {
  for (const Group& group : fusion_.groups) {
    for (const GroupInput& input : group.inputs) {
      if (input.norm < 0) continue;
      const OperatorParameters& p = parameters_[index(input.norm)];
      const Extent extent = Extent::blocked(network_.shape(input.norm));
      Normalisation& norm = norms_[index(input.norm)].emplace();
      const bool batch = options_.batch_norm == BatchNormMode::batch_statistics;
      norm = {p.scale,
              p.shift,
              p.running_mean,
              p.running_variance,
              epsilon(input.norm),
              batch,
              program_.batch_buffer(4 * std::int64_t{extent.padded})};
      if (batch) {
        norms_by_source_.emplace(input.source, input.norm);
        program_.keep(norm.statistics);
        compiled_.tracked_norms.push_back({p, norm.statistics, std::int64_t{options_.batch} * extent.pixels(),
                                           extent.channels, extent.padded});
      } else {
        program_.emit(input.norm, make_statistics(norm, no_buffer, extent),
                      {.reads = {}, .writes = {norm.statistics}, .scope = Program::Scope::whole_batch});
      }
    }
  }
}

LayerNorm Lowering::layer_norm_of(const Group& group) const {
  const OperatorParameters& p = parameters_[index(group.op)];
  return {p.scale, p.shift, epsilon(group.op), Extent::blocked(network_.shape(group.op))};
}

float Lowering::epsilon(OpId norm) const {
  const float given = network_.op(norm).parameter;
  return given == 0 ? 1e-5f : given;
}

// The taps come first: what they write is what flows on. Statistics follow at once, while the tensor is in
// the cache.
void Lowering::after(OpId tensor) {
  std::vector<OpId> taps = options_.forward_taps;
  std::sort(taps.begin(), taps.end());
  taps.erase(std::unique(taps.begin(), taps.end()), taps.end());
  for (const OpId op : taps) {
    if (tensor_of(op) != tensor) continue;
    program_.emit_tap(op, values_[index(tensor)].buffer, values_[index(tensor)].extent, tap_scope());
  }
  const auto [begin, end] = norms_by_source_.equal_range(tensor);
  for (auto it = begin; it != end; ++it) {
    const Value& x = blocked(tensor);
    const Normalisation& norm = *norms_[index(it->second)];
    program_.emit(it->second, make_statistics(norm, x.buffer, x.extent), {{x.buffer}, {norm.statistics}});
  }
}

const Value& Lowering::blocked(OpId tensor) {
  const Value& value = values_[index(tensor)];
  if (!value.extent.plain) return value;
  if (blocked_input_.buffer == no_buffer) {
    blocked_input_.extent = Extent::blocked(network_.input_shape());
    blocked_input_.buffer = program_.image_buffer(blocked_input_.extent.floats());
    program_.emit(0, make_pack(value.buffer, blocked_input_.buffer, blocked_input_.extent),
                  {{value.buffer}, {blocked_input_.buffer}});
  }
  return blocked_input_;
}

Contraction Lowering::contraction_of(const Group& group) const {
  const Operator& op = network_.op(group.op);
  const OpId source = group.inputs[0].source;
  const Shape in = network_.shape(network_.inputs(group.op)[0]);
  Contraction c;
  c.out = Extent::blocked(network_.shape(group.op));
  c.in = Extent::blocked(in);
  if (op.kind == OpKind::transposed_convolution) {
    std::swap(c.in, c.out);
    c.window = op.window;
    c.groups = op.groups;
    return c;
  }
  c.bias = op.bias || group.folded_norm >= 0;
  if (op.kind == OpKind::linear) {
    if (in.height != 1 || in.width != 1) {
      throw InputError("Operator \"" + std::string(network_.name(group.op)) +
                       "\" is linear on a tensor of several pixels. Flatten its input first.");
    }
    c.linear = true;
    return c;
  }
  c.window = op.window;
  c.groups = op.groups;
  const Window point;
  Window unstrided = op.window;
  unstrided.stride_h = unstrided.stride_w = unstrided.dilation_h = unstrided.dilation_w = 1;
  c.linear = op.groups == 1 && in.height == 1 && in.width == 1 && unstrided == point;
  if (c.linear) c.window = point;
  // oneDNN has kernels for first layers, which read one to three plain channels.
  if (source == 0 && in.channels <= 3 && op.groups == 1 && !c.linear) c.in = Extent::unblocked(in);
  return c;
}

const Value& Lowering::input_of(const Contraction& c, const Group& group) {
  const OpId source = group.inputs[0].source;
  return c.in.plain ? values_[index(source)] : blocked(source);
}

std::optional<ActivationFunction> Lowering::activation_of(const Group& group) const {
  if (group.activation < 0) return std::nullopt;
  const Operator& op = network_.op(group.activation);
  return ActivationFunction{op.activation, op.parameter};
}

Value& Lowering::make_value(const Group& group) {
  Value& value = values_[index(group.output)];
  value.extent = Extent::blocked(network_.shape(group.output));
  value.buffer = program_.image_buffer(value.extent.floats());
  return value;
}

void Lowering::emit(const Group& group) {
  switch (group.kind) {
    case OpKind::convolution:
    case OpKind::transposed_convolution:
    case OpKind::linear:
      return emit_contraction(group);
    case OpKind::add:
      return emit_affine_sum(group);
    default:
      break;
  }
  std::vector<Value> in;
  for (const GroupInput& input : group.inputs) in.push_back(blocked(input.source));
  const Value& x = in[0];
  const Operator& op = network_.op(group.op);
  const Value& y = make_value(group);
  std::unique_ptr<Kernel> kernel;
  switch (group.kind) {
    case OpKind::max_pool:
    case OpKind::average_pool:
      kernel =
          make_pool({op.window, group.kind == OpKind::max_pool, op.count_include_pad, x.extent, y.extent},
                    x.buffer, y.buffer);
      break;
    case OpKind::global_max_pool:
    case OpKind::global_average_pool:
      kernel = make_global_pool(group.kind == OpKind::global_max_pool, x.extent, x.buffer, y.buffer);
      break;
    case OpKind::multiply:
      kernel = make_multiply(x.buffer, x.extent, in[1].buffer, in[1].extent, activation_of(group), y.buffer,
                             y.extent);
      break;
    case OpKind::concat: {
      std::vector<TensorPart> parts;
      int begin = 0;
      for (const Value& value : in) {
        parts.push_back({value.buffer, value.extent, begin});
        begin += value.extent.channels;
      }
      kernel = make_concat(std::move(parts), y.buffer, y.extent);
      break;
    }
    case OpKind::slice:
      kernel = make_slice(x.buffer, x.extent, y.buffer, y.extent, op.slice_begin);
      break;
    case OpKind::channel_shuffle:
      kernel = make_channel_shuffle(op.groups, x.extent, x.buffer, y.buffer);
      break;
    case OpKind::flatten:
    case OpKind::outputs: {
      std::vector<TensorPart> parts;
      int begin = 0;
      for (const Value& value : in) {
        parts.push_back({value.buffer, value.extent, begin});
        begin += static_cast<int>(value.extent.elements());
      }
      kernel = make_flatten(std::move(parts), y.buffer, y.extent);
      break;
    }
    case OpKind::layer_norm:
      kernel = make_layer_norm(layer_norm_of(group), x.buffer, y.buffer);
      break;
    case OpKind::resize:
      kernel = make_resize(op.resize_mode, x.extent, y.extent, x.buffer, y.buffer);
      break;
    case OpKind::softmax:
      kernel = make_softmax(x.extent, x.buffer, y.buffer);
      break;
    default:
      throw InternalError("The runtime has no kernel for an operator kind.");
  }
  Program::Access access{.reads = {}, .writes = {y.buffer}};
  for (const Value& value : in) access.reads.push_back(value.buffer);
  if (group.kind == OpKind::layer_norm) access.overwritable = access.reads;
  program_.emit(group.op, std::move(kernel), std::move(access));
}

void Lowering::emit_contraction(const Group& group) {
  const Contraction c = contraction_of(group);
  const Value x = input_of(c, group);
  OperatorParameters p = parameters_[index(group.op)];
  if (group.folded_norm >= 0) {
    const auto hidden = [&](const ParameterTensor& like) {
      ParameterTensor tensor = like;
      tensor.trained = false;
      return &compiled_.folded.add(std::move(tensor));
    };
    const OperatorParameters& norm = parameters_[index(group.folded_norm)];
    const bool transposed = group.kind == OpKind::transposed_convolution;
    const FoldedNorm folded{p,
                            norm,
                            epsilon(group.folded_norm),
                            transposed ? c.groups : 0,
                            hidden(*p.weight),
                            hidden(*norm.shift)};
    compiled_.folded_norms.push_back(folded);
    p.weight = folded.weight;
    p.bias = folded.bias;
  }
  const Epilogue epilogue{group.residual >= 0, activation_of(group), group.activation_first};
  ContractionBuffers buffers{.x = x.buffer};
  std::vector<BufferId> reads{x.buffer};
  if (epilogue.add) reads.push_back(buffers.addend = blocked(group.residual).buffer);
  buffers.y = make_value(group).buffer;
  const auto make =
      group.kind == OpKind::transposed_convolution ? make_transposed_convolution : make_contraction;
  program_.emit(group.op, make(c, buffers, *p.weight, p.bias, epilogue), {std::move(reads), {buffers.y}});
}

std::vector<AffineTerm> Lowering::terms_of(const Group& group) {
  std::vector<AffineTerm> terms;
  for (const GroupInput& input : group.inputs) {
    terms.push_back({blocked(input.source).buffer, std::nullopt});
    if (input.norm >= 0) terms.back().norm = norms_[index(input.norm)];
  }
  return terms;
}

void Lowering::emit_affine_sum(const Group& group) {
  std::vector<AffineTerm> terms = terms_of(group);
  const Value& y = make_value(group);
  const std::optional<ActivationFunction> activation = activation_of(group);
  Program::Access access{.reads = {}, .writes = {y.buffer}};
  for (const AffineTerm& term : terms) {
    access.reads.push_back(term.x);
    if (term.norm) access.reads.push_back(term.norm->statistics);
  }
  for (const AffineTerm& term : terms) {
    if (std::count(access.reads.begin(), access.reads.end(), term.x) == 1)
      access.overwritable.push_back(term.x);
  }
  // A single batch norm's gradient reads its input anyway, which tells the slope as well.
  const bool single_norm = terms.size() == 1 && terms[0].norm;
  BufferId& mask = masks_[index(group.output)];
  if (options_.backward && activation && activation->has_two_slopes() && !single_norm) {
    mask = program_.image_buffer(mask_floats(y.extent));
    access.writes.push_back(mask);
  }
  program_.emit(group.op, make_affine_sum(std::move(terms), activation, y.buffer, mask, y.extent),
                std::move(access));
}

void compile(const Network& network, const CompileOptions& options, Compiled& compiled) {
  Lowering lowering(network, options, compiled);
  lowering.forward();
  if (options.backward) Backward(lowering).emit();
}

}  // namespace assay
