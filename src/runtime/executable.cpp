#include "assay/base/error.hpp"

#include "compiler.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace assay {

struct Executable::Implementation {
  Implementation(Worker::Implementation& w, const Network& network, const CompileOptions& options);
  ~Implementation();
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  void fold();
  Program& placed_program();

  Worker::Implementation& worker;
  Shape input_shape, output_shape;
  Compiled compiled;
  std::optional<MemoryClaim> memory;
  FloatBuffer arena;  // empty when the worker's is shared
  std::int64_t arena_floats = 0;
  bool shares_arena;
  std::vector<Parameter> parameters;
  bool needs_folding = true;
};

namespace {

CompileOptions completed(CompileOptions options) {
  if (options.input_gradient || options.weight_gradients || !options.gradient_taps.empty())
    options.backward = true;
  if (options.inference) options.batch_norm = BatchNormMode::running_statistics;
  return options;
}

// A network's tensors and kernels may be larger than any machine. Beyond these sizes sums of floats (64 bits)
// or numbers of pixels (32) would overflow below.
void check_sizes(const Network& network) {
  constexpr double most_pixels = 1 << 27, most_weights = 0x1p40;
  for (OpId id = 0; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    const Shape out = network.shape(id);
    double weights = 0;
    if (op.kind == OpKind::convolution || op.kind == OpKind::transposed_convolution) {
      weights = double{1} * network.shape(network.inputs(id)[0]).channels / op.groups * out.channels *
                op.window.kernel_h * op.window.kernel_w;
    }
    if (double{1} * out.height * out.width > most_pixels || weights > most_weights) {
      throw InputError(
          fmt::format("Operator \"{}\" ({}) with an output of {} x {} x {} is too large to be executed.",
                      network.name(id), to_string(op.kind), out.channels, out.height, out.width));
    }
  }
}

void check(const Network& network, const CompileOptions& options) {
  if (options.batch < 1) {
    throw InputError(fmt::format("A network cannot be compiled for a batch of {}. Use a batch of at least 1.",
                                 options.batch));
  }
  check_sizes(network);
  for (const auto* taps : {&options.forward_taps, &options.gradient_taps}) {
    for (const OpId op : *taps) {
      if (op < 0 || op >= network.size()) {
        throw InternalError(fmt::format("A tap names operator {} of a network of {}.", op, network.size()));
      }
    }
  }
}

}  // namespace

Executable::Implementation::Implementation(Worker::Implementation& w, const Network& network,
                                           const CompileOptions& options)
    : worker(w),
      input_shape(network.input_shape()),
      output_shape(network.output_shape()),
      compiled(options),
      shares_arena(options.shared_arena) {
  compile(network, options, compiled);
  try {
    arena_floats = compiled.program.plan(worker);
  } catch (const BindError& error) {
    throw InputError(
        fmt::format("Operator \"{}\" ({}) cannot be executed: oneDNN reports \"{}\". Change its attributes "
                    "or leave it out.",
                    network.name(error.op), to_string(network.op(error.op).kind), error.reason));
  }
  for (FoldedNorm& norm : compiled.folded_norms) norm.contraction.weight->set_layout(norm.weight->layout);
  const std::int64_t floats = arena_floats + compiled.parameters.floats(options.weight_gradients) +
                              compiled.folded.floats(false) + compiled.program.scratch_floats() +
                              compiled.parameters.largest();
  memory.emplace(worker, floats * std::int64_t{sizeof(float)});
  if (shares_arena) {
    worker.shared_arena(arena_floats);
  } else {
    arena = worker.pool.take(arena_floats);
    compiled.program.place(arena.data());
  }
  compiled.parameters.allocate(worker, options.weight_gradients);
  compiled.folded.allocate(worker, false);
  for (std::size_t i = 0; i < compiled.parameters.size(); ++i) {
    const ParameterTensor& tensor = compiled.parameters[i];
    const auto size = static_cast<std::size_t>(tensor.floats);
    parameters.push_back({tensor.op, tensor.role, tensor.dims, std::span<float>(tensor.value, size),
                          tensor.gradient ? std::span<float>(tensor.gradient, size) : std::span<float>()});
  }
}

Executable::Implementation::~Implementation() {
  worker.pool.give_back(std::move(arena));
  compiled.parameters.release(worker);
  compiled.folded.release(worker);
}

// With its buffers where they are now: a shared arena moves when it grows.
Program& Executable::Implementation::placed_program() {
  if (shares_arena) compiled.program.place(worker.shared_arena(arena_floats));
  return compiled.program;
}

namespace {

// Plain weights in runs that belong to one output channel each.
struct ChannelRuns {
  explicit ChannelRuns(const FoldedNorm& folded)
      : dims(folded.contraction.weight->dims), transposed_groups(folded.transposed_groups) {
    const std::int64_t elements = folded.contraction.weight->elements();
    count = transposed_groups == 0 ? dims[0] : dims[0] * dims[1];
    length = elements / count;
  }
  std::int64_t channel(std::int64_t run) const {
    if (transposed_groups == 0) return run;
    return run / (count / transposed_groups) * dims[1] + run % dims[1];
  }
  const std::vector<std::int64_t>& dims;
  int transposed_groups;
  std::int64_t count, length;
};

}  // namespace

// conv, then scale (x - mean) / sqrt(variance + epsilon) + shift, is a convolution with scaled weights and
// another bias.
void Executable::Implementation::fold() {
  std::vector<float> plain;
  for (const FoldedNorm& folded : compiled.folded_norms) {
    const ParameterTensor& weight = *folded.contraction.weight;
    plain.resize(static_cast<std::size_t>(weight.elements()));
    load_parameter(worker, weight, weight.value, plain.data());
    const std::int64_t channels = folded.bias->elements();
    std::vector<double> factors(static_cast<std::size_t>(channels));
    for (std::int64_t c = 0; c < channels; ++c) {
      const double a =
          folded.norm.scale->value[c] /
          std::sqrt(static_cast<double>(folded.norm.running_variance->value[c]) + folded.epsilon);
      factors[static_cast<std::size_t>(c)] = a;
      const float* bias = folded.contraction.bias ? folded.contraction.bias->value : nullptr;
      const double mean = folded.norm.running_mean->value[c];
      folded.bias->value[c] =
          static_cast<float>(folded.norm.shift->value[c] + ((bias != nullptr ? bias[c] : 0.0f) - mean) * a);
    }
    const ChannelRuns runs(folded);
    for (std::int64_t run = 0; run < runs.count; ++run) {
      const double a = factors[static_cast<std::size_t>(runs.channel(run))];
      float* w = plain.data() + run * runs.length;
      for (std::int64_t i = 0; i < runs.length; ++i) w[i] = static_cast<float>(w[i] * a);
    }
    store_parameter(worker, weight, plain.data(), folded.weight->value);
  }
  needs_folding = false;
}

Executable::Executable(Worker& worker, const Network& network, const CompileOptions& options) {
  check(network, options);
  implementation_ = std::make_unique<Implementation>(worker.implementation(), network, completed(options));
}

Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

std::span<const Parameter> Executable::parameters() {
  implementation_->needs_folding = true;  // the caller may write values
  return implementation_->parameters;
}

void Executable::initialise(Initialisation initialisation, std::uint64_t seed, std::uint64_t fingerprint) {
  implementation_->compiled.parameters.initialise(implementation_->worker, initialisation, seed, fingerprint);
  implementation_->needs_folding = true;
}

namespace {

void check_size(std::size_t given, std::int64_t expected, const char* what) {
  if (static_cast<std::int64_t>(given) != expected) {
    throw InternalError(fmt::format("{} has {} values instead of {}.", what, given, expected));
  }
}

}  // namespace

void Executable::set_parameter(std::size_t index, std::span<const float> plain) {
  const ParameterTensor& tensor = implementation_->compiled.parameters[index];
  check_size(plain.size(), tensor.elements(), "A parameter");
  store_parameter(implementation_->worker, tensor, plain.data(), tensor.value);
  implementation_->needs_folding = true;
}

void Executable::get_parameter(std::size_t index, std::span<float> plain) const {
  const ParameterTensor& tensor = implementation_->compiled.parameters[index];
  check_size(plain.size(), tensor.elements(), "A parameter");
  load_parameter(implementation_->worker, tensor, tensor.value, plain.data());
}

void Executable::get_gradient(std::size_t index, std::span<float> plain) const {
  const ParameterTensor& tensor = implementation_->compiled.parameters[index];
  check_size(plain.size(), tensor.elements(), "A gradient");
  if (tensor.gradient == nullptr) throw InternalError("A gradient was read that was not compiled.");
  load_parameter(implementation_->worker, tensor, tensor.gradient, plain.data());
}

void Executable::set_weights(const Weights& weights) {
  auto from = weights.begin();
  for (std::size_t i = 0; i < implementation_->compiled.parameters.size(); ++i) {
    const ParameterTensor& tensor = implementation_->compiled.parameters[i];
    const auto is_it = [&](const WeightTensor& w) { return w.op == tensor.op && w.role == tensor.role; };
    from = std::find_if(from, weights.end(), is_it);
    if (from == weights.end()) {
      throw InternalError(fmt::format("The weights hold no tensor {} of operator {}, or not in its place.",
                                      static_cast<int>(tensor.role), tensor.op));
    }
    set_parameter(i, from->values);
  }
}

Weights Executable::weights() const {
  Weights result;
  for (std::size_t i = 0; i < implementation_->compiled.parameters.size(); ++i) {
    const ParameterTensor& tensor = implementation_->compiled.parameters[i];
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    get_parameter(i, values);
    result.push_back({tensor.op, tensor.role, std::move(values)});
  }
  return result;
}

std::span<float> Executable::input() {
  const Compiled& c = implementation_->compiled;
  return {implementation_->placed_program().data(c.input),
          static_cast<std::size_t>(c.program.batch() * implementation_->input_shape.elements())};
}

void Executable::forward(const Tap& tap) {
  if (implementation_->needs_folding) implementation_->fold();
  implementation_->placed_program().forward(tap, implementation_->worker.stop);
}

void Executable::profile(std::span<double> seconds) {
  if (implementation_->needs_folding) implementation_->fold();
  implementation_->placed_program().profile(seconds, implementation_->worker.stop);
}

std::span<const float> Executable::output() const {
  const Compiled& c = implementation_->compiled;
  return {c.program.data(c.output),
          static_cast<std::size_t>(c.program.batch() * implementation_->output_shape.elements())};
}

void Executable::backward(std::span<const float> output_gradient, const Tap& tap) {
  const Compiled& c = implementation_->compiled;
  if (c.output_gradient == no_buffer)
    throw InternalError("Backward was called on a network compiled without it.");
  check_size(output_gradient.size(), c.program.batch() * implementation_->output_shape.elements(),
             "The output gradient");
  std::copy(output_gradient.begin(), output_gradient.end(), c.program.data(c.output_gradient));
  implementation_->compiled.program.backward(tap, implementation_->worker.stop);
}

std::span<const float> Executable::input_gradient() const {
  const Compiled& c = implementation_->compiled;
  if (c.input_gradient == no_buffer) throw InternalError("The input's gradient was read but not compiled.");
  return {c.program.data(c.input_gradient),
          static_cast<std::size_t>(c.program.batch() * implementation_->input_shape.elements())};
}

void Executable::update_running_statistics(float momentum) {
  const Compiled& c = implementation_->compiled;
  for (const TrackedNorm& norm : c.tracked_norms) {
    const float* mean = c.program.data(norm.statistics);
    const float* variance = mean + norm.padded;
    const float unbiased =
        norm.values > 1 ? static_cast<float>(norm.values) / static_cast<float>(norm.values - 1) : 1;
    for (int i = 0; i < norm.channels; ++i) {
      float& running_mean = norm.parameters.running_mean->value[i];
      float& running_variance = norm.parameters.running_variance->value[i];
      running_mean += momentum * (mean[i] - running_mean);
      running_variance += momentum * (variance[i] * unbiased - running_variance);
    }
  }
}

std::int64_t Executable::arena_bytes() const {
  return implementation_->arena_floats * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t Executable::parameter_bytes() const {
  return implementation_->compiled.parameters.bytes() + implementation_->compiled.folded.bytes();
}

std::int64_t Executable::memory_bytes() const {
  return implementation_->memory->bytes();
}

}  // namespace assay
