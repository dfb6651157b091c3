#include "pass_run.hpp"

#include "assay/base/random.hpp"
#include "assay/network/transform.hpp"

#include "blocks.hpp"
#include "output_gradients.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace assay {
namespace {

// Scales of the linearised network's input: small enough that R up to 1e70 fits into floats.
constexpr float linear_input = 0x1p-110f;
constexpr float perturbation = 0.01f;

Network under(const ScoreConditions& conditions, const Network& network) {
  if (conditions.linearised) return linearised(network);
  if (!conditions.residuals) return canonical(without_residuals(network));
  return network;
}

// Images a cos t + b sin t, t = 2 pi i / n; a and b stand in the first two images' places.
void spread_on_circle(std::span<float> images, int n) {
  const std::size_t size = images.size() / static_cast<std::size_t>(n);
  const std::vector<float> a(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(size));
  const std::vector<float> b(images.begin() + static_cast<std::ptrdiff_t>(size),
                             images.begin() + static_cast<std::ptrdiff_t>(2 * size));
  for (int i = 0; i < n; ++i) {
    const double t = 2 * std::numbers::pi * i / n;
    const auto cosine = static_cast<float>(std::cos(t)), sine = static_cast<float>(std::sin(t));
    float* image = images.data() + static_cast<std::size_t>(i) * size;
    for (std::size_t e = 0; e < size; ++e) image[e] = a[e] * cosine + b[e] * sine;
  }
}

int images(const ScoreConditions& conditions, int batch) {
  if (conditions.input == ScoreInput::ones) return 1;
  if (conditions.images > 0) return conditions.images;
  return conditions.most_images > 0 ? std::min(batch, conditions.most_images) : batch;
}

}  // namespace

InputCache::Batch InputCache::get(std::uint64_t seed, Purpose purpose, std::uint64_t index, Shape shape,
                                  int batch) {
  const std::lock_guard lock(mutex_);
  const Key key = {seed,
                   static_cast<std::uint64_t>(purpose),
                   index,
                   static_cast<std::uint64_t>(batch),
                   static_cast<std::uint64_t>(shape.channels),
                   static_cast<std::uint64_t>(shape.height),
                   static_cast<std::uint64_t>(shape.width)};
  if (const auto found = batches_.find(key); found != batches_.end()) return found->second;
  auto values = std::make_shared<std::vector<float>>(static_cast<std::size_t>(batch * shape.elements()));
  Random(seed, purpose, 0, index).fill_normal(*values, 0, 1);
  // A space has few input shapes; a stream of foreign networks must not fill the memory.
  constexpr std::size_t most_batches = 16, most_floats = std::size_t{1} << 26;
  if (values->size() > most_floats) return values;
  floats_ += values->size();
  if (batches_.size() >= most_batches || floats_ > most_floats) {
    batches_.clear();
    floats_ = values->size();
  }
  return batches_[key] = values;
}

void Watchers::add(Probe* probe, const std::vector<OpId>& ops) {
  for (const OpId op : ops) {
    const auto at = std::ranges::lower_bound(ops_, op);
    const auto index = at - ops_.begin();
    if (at == ops_.end() || *at != op) {
      ops_.insert(at, op);
      probes_.insert(probes_.begin() + index, std::vector<Probe*>{});
    }
    probes_[static_cast<std::size_t>(index)].push_back(probe);
  }
}

std::span<Probe* const> Watchers::of(OpId op) const {
  const auto at = std::ranges::lower_bound(ops_, op);
  if (at == ops_.end() || *at != op) return {};
  return probes_[static_cast<std::size_t>(at - ops_.begin())];
}

PassRun::PassRun(const Pass& pass, const Network& network, int batch, std::uint64_t seed,
                 std::uint64_t fingerprint, const std::stop_token& stop)
    : conditions_(pass.conditions),
      network_(under(pass.conditions, network)),
      blocks_(block_outputs(network_)),
      context_{.network = network_,
               .blocks = blocks_,
               .batch = images(pass.conditions, batch),
               .seed = seed,
               .stop = stop,
               .covariance = covariance_},
      fingerprint_(fingerprint) {
  for (const MakeProbe make : pass.probes) {
    probes_.push_back(make(context_));
    forward_.add(probes_.back().get(), probes_.back()->forward_taps());
    gradient_.add(probes_.back().get(), probes_.back()->gradient_taps());
  }
  if (conditions_.rescaled) frozen_.emplace(network_);
}

void PassRun::run(Worker& worker, InputCache& inputs) {
  CompileOptions options = {.batch = context_.batch,
                            .batch_norm = conditions_.batch_norm,
                            .backward = conditions_.backward != BackwardSeed::none,
                            .input_gradient = conditions_.input_gradient,
                            .weight_gradients = conditions_.weight_gradients,
                            .forward_taps = forward_.ops(),
                            .gradient_taps = gradient_.ops(),
                            .piecewise_taps = !frozen_ && std::ranges::all_of(probes_, &Probe::takes_pieces)};
  if (frozen_)
    for (auto* taps : {&options.forward_taps, &options.gradient_taps})
      taps->insert(taps->end(), frozen_->ops().begin(), frozen_->ops().end());
  Executable executable(worker, frozen_ ? frozen_->opened() : network_, options);
  if (!conditions_.rescaled) set_weights(executable, 1);
  for (int i = 0; i < conditions_.input_batches; ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    if (!conditions_.rescaled) {
      run_batch(executable, inputs, index);
      continue;
    }
    set_weights(executable, 1);
    set_input(executable, inputs, index);
    frozen_->release();
    executable.forward([&](OpId op, TensorView& tensor) { frozen_->see_output(op, tensor); });
    for (const float factor : {1 + weight_step, 1 - weight_step}) {
      set_weights(executable, factor);
      run_batch(executable, inputs, index);
    }
  }
}

void PassRun::set_weights(Executable& executable, float factor) const {
  executable.initialise(conditions_.initialisation, context_.seed, fingerprint_);
  if (conditions_.linearised)
    for (const Parameter& parameter : executable.parameters())
      for (float& value : parameter.value) value = std::abs(value);
  if (factor != 1.0f)
    for (const Parameter& parameter : executable.parameters())
      if (parameter.role == ParameterRole::weight)
        for (float& value : parameter.value) value *= factor;
}

void PassRun::set_input(Executable& executable, InputCache& inputs, std::uint64_t index) const {
  const std::span<float> input = executable.input();
  if (conditions_.input == ScoreInput::ones) {
    std::ranges::fill(input, conditions_.linearised ? linear_input : 1.0f);
  } else {
    const auto values =
        inputs.get(context_.seed, Purpose::input, index, network_.input_shape(), context_.batch);
    std::ranges::copy(*values, input.begin());
    if (conditions_.input == ScoreInput::circle) spread_on_circle(input, context_.batch);
  }
}

void PassRun::run_batch(Executable& executable, InputCache& inputs, std::uint64_t index) {
  set_input(executable, inputs, index);
  forward(executable);
  if (conditions_.perturbed) {
    const std::span<float> input = executable.input();
    const auto noise =
        inputs.get(context_.seed, Purpose::perturbation, index, network_.input_shape(), context_.batch);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] += perturbation * (*noise)[i];
    forward(executable);
  }
  backward(executable, index);
}

void PassRun::forward(Executable& executable) {
  executable.forward([&](OpId op, TensorView& tensor) {
    if (frozen_) frozen_->see_output(op, tensor);
    for (Probe* probe : forward_.of(op)) probe->see_output(op, tensor);
  });
  for (const auto& probe : probes_) probe->after_forward(executable);
}

void PassRun::backward_from(Executable& executable, std::span<const float> seed) {
  executable.backward(seed, [&](OpId op, TensorView& tensor) {
    if (frozen_) frozen_->see_gradient(op, tensor);
    for (Probe* probe : gradient_.of(op)) probe->see_gradient(op, tensor);
  });
  for (const auto& probe : probes_) probe->after_backward(executable);
}

void PassRun::backward(Executable& executable, std::uint64_t index) {
  const std::span<const float> output = executable.output();
  std::vector<float> seed(output.size(), 0.0f);
  const std::size_t size =
      output.size() / static_cast<std::size_t>(context_.batch);  // of one image's outputs
  switch (conditions_.backward) {
    case BackwardSeed::none:
      return;
    case BackwardSeed::rademacher:
      // The probe puts the seeds in, block by block.
      return backward_from(executable, seed);
    case BackwardSeed::cross_entropy:
      cross_entropy_gradient(output, context_.batch, Random(context_.seed, Purpose::label, 0, index), seed);
      return backward_from(executable, seed);
    case BackwardSeed::ones: {
      float scale = 1;
      if (conditions_.linearised) {
        // The product of the scales makes the gradients of weights about 1.
        const double sum = std::accumulate(output.begin(), output.end(), 0.0);
        if (std::isfinite(sum) && sum > 0) scale = std::ldexp(1.0f, std::clamp(-std::ilogb(sum), -126, 126));
        context_.log_scale = std::log(static_cast<double>(linear_input)) + std::log(scale);
      }
      std::ranges::fill(seed, scale);
      return backward_from(executable, seed);
    }
    case BackwardSeed::uneven:
      for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = i / size % 2 == 0 ? 1.25f : 0.75f;
      return backward_from(executable, seed);
    case BackwardSeed::each_image:
      for (std::size_t image = 0; image < output.size(); image += size) {
        std::ranges::fill(seed, 0.0f);
        std::ranges::fill(std::span(seed).subspan(image, size), 1.0f);
        backward_from(executable, seed);
      }
      return;
    case BackwardSeed::sampled_labels:
      for (std::uint64_t draw = 0; draw < label_draws; ++draw) {
        Random uniforms(context_.seed, Purpose::label_draw, 0, index * label_draws + draw);
        sampled_likelihood_gradient(output, context_.batch, uniforms, seed);
        backward_from(executable, seed);
      }
      return;
  }
}

}  // namespace assay
