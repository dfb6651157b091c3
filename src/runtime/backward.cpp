#include "backward.hpp"

#include "assay/base/error.hpp"

#include "kernels.hpp"

#include <algorithm>

namespace assay {

namespace {

std::size_t index(OpId id) {
  return Lowering::index(id);
}

}  // namespace

Backward::Backward(Lowering& lowering)
    : l_(lowering),
      program_(lowering.program()),
      wanted_(index(lowering.network().size())),
      contributions_(index(lowering.network().size())) {}

void Backward::emit() {
  program_.begin_backward();
  find_wanted();
  const OpId output = l_.tensor_of(l_.network().output());
  l_.compiled().output_gradient = program_.image_buffer(l_.network().output_shape().elements());
  program_.pin(l_.compiled().output_gradient);
  if (wanted(output)) {
    const BufferId dy = contribute(output);
    program_.emit(output, make_pack(l_.compiled().output_gradient, dy, extent_of(output)),
                  {{l_.compiled().output_gradient}, {dy}});
  }
  const std::vector<Group>& groups = l_.fusion().groups;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    if (!wanted(group->output)) continue;
    settle(group->output);
    if (!contributions_[index(group->output)].empty()) emit(*group);
  }
  emit_deferred();
  if (!wanted(0)) return;
  settle(0);
  if (!l_.options().input_gradient) return;
  const BufferId plain = program_.image_buffer(l_.network().input_shape().elements());
  l_.compiled().input_gradient = plain;
  program_.keep(plain);
  if (contributions_[0].empty()) {
    program_.emit(
        0, make_affine_sum({}, std::nullopt, plain, no_buffer, Extent::unblocked(l_.network().input_shape())),
        {{}, {plain}});
    return;
  }
  const BufferId dx = gathered(0, extent_of(0), std::nullopt, no_buffer);
  program_.emit(0, make_unpack(dx, plain, extent_of(0)), {{dx}, {plain}});
}

void Backward::find_wanted() {
  const CompileOptions& options = l_.options();
  if (options.input_gradient) wanted_[0] = true;
  for (const OpId op : options.gradient_taps) wanted_[index(l_.tensor_of(op))] = true;
  for (const Group& group : l_.fusion().groups) {
    bool some = wanted(group.output);
    for (const GroupInput& input : group.inputs) {
      some = some || wanted(input.source) || (options.weight_gradients && input.norm >= 0);
    }
    if (options.weight_gradients && l_.network().op(group.op).has_parameters()) some = true;
    wanted_[index(group.output)] = some;
  }
}

// All consumers have contributed: the tap, if there is one, sees the sum, and beside it what the forward tap
// saw.
void Backward::settle(OpId tensor) {
  const auto& taps = l_.options().gradient_taps;
  const bool tapped = std::any_of(taps.begin(), taps.end(),
                                  [&](OpId op) { return l_.tensor_of(op) == tensor && op == tensor; });
  if (!tapped) return;
  auto& contributions = contributions_[index(tensor)];
  const Extent extent = extent_of(tensor);
  if (contributions.size() != 1 || !contributions[0].exclusive) {
    const BufferId own = program_.image_buffer(extent.floats());
    if (contributions.empty()) {
      program_.emit(tensor, make_affine_sum({}, std::nullopt, own, no_buffer, extent), {{}, {own}});
    } else {
      AffineGradient sum;
      for (const Contribution& c : contributions) sum.contributions.push_back(c.buffer);
      sum.g = own;
      std::vector<BufferId> reads = sum.contributions;
      program_.emit(tensor, make_affine_gradient(std::move(sum), extent), {std::move(reads), {own}});
    }
    contributions = {{own, true}};
  }
  const auto& seen = l_.options().forward_taps;
  const bool keeps_value =
      !l_.options().piecewise_taps && std::find(seen.begin(), seen.end(), tensor) != seen.end();
  program_.emit_tap(tensor, contributions[0].buffer, extent, l_.tap_scope(),
                    keeps_value ? l_.blocked(tensor).buffer : no_buffer);
}

// A fresh buffer that holds one consumer's contribution.
BufferId Backward::contribute(OpId tensor) {
  const BufferId buffer = program_.image_buffer(extent_of(tensor).floats());
  contributions_[index(tensor)].push_back({buffer, true});
  return buffer;
}

namespace {

// Buffers that occur once among a step's reads may be overwritten by it.
std::vector<BufferId> unique_reads(const std::vector<BufferId>& candidates,
                                   const std::vector<BufferId>& reads) {
  std::vector<BufferId> result;
  for (const BufferId id : candidates) {
    if (std::count(reads.begin(), reads.end(), id) == 1) result.push_back(id);
  }
  return result;
}

}  // namespace

// One buffer with the sum of the contributions, times the derivative of an activation whose output is `y`.
BufferId Backward::gathered(OpId tensor, const Extent& extent, std::optional<ActivationFunction> activation,
                            BufferId y) {
  const auto& contributions = contributions_[index(tensor)];
  if (contributions.size() == 1 && !activation) return contributions[0].buffer;
  AffineGradient sum;
  for (const Contribution& c : contributions) sum.contributions.push_back(c.buffer);
  sum.activation = activation;
  sum.g = program_.image_buffer(extent.floats());
  const BufferId g = sum.g;
  std::vector<BufferId> reads = sum.contributions;
  if (activation) {
    sum.y = y;
    reads.push_back(y);
  }
  std::vector<BufferId> overwritable = unique_reads(sum.contributions, reads);
  program_.emit(tensor, make_affine_gradient(std::move(sum), extent),
                {std::move(reads), {g}, std::move(overwritable)});
  return g;
}

void Backward::emit(const Group& group) {
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
  const BufferId dy = gathered(group.output, extent_of(group.output), std::nullopt, no_buffer);
  if (group.kind == OpKind::layer_norm) return emit_layer_norm(group, dy);
  emit_other(group, dy);
}

// A transposed convolution and the convolution that it is the gradient of change places.
void Backward::emit_contraction(const Group& group) {
  const Contraction c = l_.contraction_of(group);
  const bool transposed = group.kind == OpKind::transposed_convolution;
  const OpId source = group.inputs[0].source;
  const BufferId dy = gathered(group.output, extent_of(group.output), l_.activation_of(group),
                               l_.blocked(group.output).buffer);
  const OperatorParameters& p = l_.parameters(group.op);
  if (wanted(source)) {
    const BufferId weights = program_.batch_buffer(0);
    const BufferId dx = contribute(source);
    std::unique_ptr<Kernel> kernel =
        transposed ? make_contraction(c, {.x = dy, .y = dx, .weights = weights}, *p.weight, nullptr, {})
                   : make_contraction_data_gradient(c, {.dx = dx, .dy = dy, .weights = weights}, *p.weight);
    program_.emit(group.op, std::move(kernel), {{dy}, {dx, weights}});
  }
  if (!l_.options().weight_gradients) return;
  // Weight gradients need the whole batch. They wait until the segment that computes this operator's data
  // gradient and what follows from it image by image has ended.
  if (!deferred_.empty()) emit_deferred();
  const BufferId x = l_.input_of(c, group).buffer;
  deferred_.push_back([this, c, x, dy, p, transposed, op = group.op] {
    const auto emit_whole = [&](std::unique_ptr<Kernel> kernel) {
      program_.emit(op, std::move(kernel),
                    {.reads = {x, dy}, .writes = {}, .scope = Program::Scope::whole_batch});
    };
    if (!transposed) {
      return emit_whole(make_contraction_weight_gradient(c, {.x = x, .dy = dy}, *p.weight, p.bias));
    }
    emit_whole(make_contraction_weight_gradient(c, {.x = dy, .dy = x}, *p.weight, nullptr));
    if (p.bias != nullptr) emit_whole(make_bias_gradient(dy, c.in, *p.bias));
  });
}

void Backward::emit_deferred() {
  for (const auto& emit_one : deferred_) emit_one();
  deferred_.clear();
}

void Backward::emit_affine_sum(const Group& group) {
  const Extent extent = extent_of(group.output);
  const bool parameters = l_.options().weight_gradients;
  const std::vector<AffineTerm> terms = l_.terms_of(group);
  AffineGradient gradient;
  for (const Contribution& c : contributions_[index(group.output)])
    gradient.contributions.push_back(c.buffer);
  gradient.activation = l_.activation_of(group);
  gradient.parameter_gradients = parameters;
  std::vector<BufferId> reads = gradient.contributions;

  // Batch norms whose sums are wanted; where there is one term it also gives the activation its input.
  std::vector<BufferId> coefficients_of(terms.size(), no_buffer);
  const bool single_norm = terms.size() == 1 && terms[0].norm;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (!terms[i].norm) continue;
    if (!parameters && !(terms[i].norm->batch_statistics && wanted(group.inputs[i].source))) continue;
    coefficients_of[i] = program_.batch_buffer(3 * std::int64_t{extent.padded});
    gradient.coefficients.push_back(coefficients_of[i]);
    gradient.terms.push_back(terms[i]);
  }
  if (gradient.activation) {
    gradient.mask = l_.mask_of(group);
    if (gradient.mask != no_buffer) {
      reads.push_back(gradient.mask);
    } else if (!single_norm && gradient.activation->derivative_from_output()) {
      gradient.y = l_.blocked(group.output).buffer;
      reads.push_back(gradient.y);
    } else if (gradient.terms.empty()) {
      gradient.terms.push_back(terms[0]);
    }
  }
  for (const AffineTerm& term : gradient.terms) {
    reads.push_back(term.x);
    if (term.norm) reads.push_back(term.norm->statistics);
  }

  const BufferId passed_on = gradient.contributions.front();
  BufferId g = passed_on;
  std::vector<BufferId> writes = gradient.coefficients, overwritable;
  if (gradient.activation || gradient.contributions.size() > 1) {
    g = gradient.g = program_.image_buffer(extent.floats());
    writes.insert(writes.begin(), g);
    overwritable = unique_reads(gradient.contributions, reads);
  }
  if (!writes.empty()) {
    program_.emit(group.output, make_affine_gradient(std::move(gradient), extent),
                  {std::move(reads), std::move(writes), std::move(overwritable)});
  }

  const bool only_reader = terms.size() == 1;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const OpId source = group.inputs[i].source;
    if (!wanted(source)) continue;
    if (!terms[i].norm) {
      contributions_[index(source)].push_back({g, only_reader && g != passed_on});
      continue;
    }
    const Normalisation& norm = *terms[i].norm;
    if (norm.batch_statistics) emit_deferred();  // the sums end the segment in any case
    const BufferId dx = contribute(source);
    std::vector<BufferId> inputs{g, norm.statistics};
    if (norm.batch_statistics) inputs.insert(inputs.end(), {terms[i].x, coefficients_of[i]});
    program_.emit(group.output, make_norm_gradient(norm, coefficients_of[i], g, terms[i].x, dx, extent),
                  {std::move(inputs), {dx}, {g}});
  }
}

void Backward::emit_layer_norm(const Group& group, BufferId dy) {
  const OpId source = group.inputs[0].source;
  const BufferId x = l_.blocked(source).buffer;
  const BufferId dx = wanted(source) ? contribute(source) : no_buffer;
  Program::Access access{.reads = {x, dy}, .writes = {}};
  if (dx != no_buffer) access.writes.push_back(dx);
  program_.emit(group.op,
                make_layer_norm_gradient(l_.layer_norm_of(group), x, dy, dx, l_.options().weight_gradients),
                std::move(access));
}

void Backward::emit_other(const Group& group, BufferId dy) {
  const Operator& op = l_.network().op(group.op);
  const Value y = l_.blocked(group.output);
  std::vector<Value> in;
  for (const GroupInput& input : group.inputs) in.push_back(l_.blocked(input.source));
  int begin = op.slice_begin;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const OpId source = group.inputs[i].source;
    const Value& x = in[i];
    const int part_begin = begin;
    if (group.kind == OpKind::concat) begin += x.extent.channels;
    if (group.kind == OpKind::outputs) begin += static_cast<int>(x.extent.elements());
    if (!wanted(source)) continue;
    const BufferId dx = contribute(source);
    std::vector<BufferId> reads{dy};
    std::unique_ptr<Kernel> kernel;
    switch (group.kind) {
      case OpKind::max_pool:
      case OpKind::average_pool:
        if (group.kind == OpKind::max_pool) reads.push_back(x.buffer);
        kernel = make_pool_gradient(
            {op.window, group.kind == OpKind::max_pool, op.count_include_pad, x.extent, y.extent}, x.buffer,
            dy, dx);
        break;
      case OpKind::global_max_pool:
        reads.insert(reads.end(), {x.buffer, y.buffer});
        kernel = make_global_pool_gradient(true, x.extent, x.buffer, y.buffer, dy, dx);
        break;
      case OpKind::global_average_pool:
        kernel = make_global_pool_gradient(false, x.extent, no_buffer, no_buffer, dy, dx);
        break;
      case OpKind::multiply: {
        const Value& other = in[1 - i];
        reads.push_back(other.buffer);
        kernel = make_multiply_gradient(dy, y.extent, other.buffer, other.extent, dx, x.extent);
        break;
      }
      case OpKind::concat:
        kernel = make_slice(dy, y.extent, dx, x.extent, part_begin);
        break;
      case OpKind::slice:
        kernel = make_concat({{dy, y.extent, part_begin}}, dx, x.extent);
        break;
      case OpKind::channel_shuffle:
        kernel = make_channel_shuffle(x.extent.channels / op.groups, x.extent, dy, dx);
        break;
      case OpKind::flatten:
      case OpKind::outputs:
        kernel = make_unflatten(dy, y.extent, {dx, x.extent, part_begin});
        break;
      case OpKind::resize:
        kernel = make_resize_gradient(op.resize_mode, x.extent, y.extent, dy, dx);
        break;
      case OpKind::softmax:
        reads.push_back(y.buffer);
        kernel = make_softmax_gradient(x.extent, y.buffer, dy, dx);
        break;
      default:
        throw InternalError("The runtime has no backward kernel for an operator kind.");
    }
    program_.emit(group.op, std::move(kernel), {std::move(reads), {dx}});
  }
}

}  // namespace assay
