#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/random.hpp"
#include "assay/network/transform.hpp"

#include "blocks.hpp"
#include "plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <new>
#include <numeric>

#include <fmt/format.h>

namespace assay {
namespace {

// The network with at most `limit` pixels a side; as it is where the limit is 0 or wide enough, or where it
// does not work at a lower resolution (a map would vanish).
Network at_most(const Network& network, int limit) {
  const Shape input = network.input_shape();
  const int longer = std::max(input.height, input.width);
  if (limit == 0 || longer <= limit) return network;
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>((std::int64_t{side} * limit + longer / 2) / longer));
  };
  try {
    return at_resolution(network, scaled(input.height), scaled(input.width));
  } catch (const InputError&) {
    return network;
  }
}

// Scales of the linearised network's input: small enough that R up to 1e70 fits into floats.
constexpr float linear_input = 0x1p-110f;
constexpr float perturbation = 0.01f;

using Batch = std::shared_ptr<const std::vector<float>>;

// Random inputs are the same for every network of a shape: drawn once.
class InputCache {
 public:
  Batch get(std::uint64_t seed, Purpose purpose, Shape shape, int batch) {
    const std::lock_guard lock(mutex_);
    const Key key = {seed, static_cast<std::uint64_t>(purpose), static_cast<std::uint64_t>(shape.channels),
                     static_cast<std::uint64_t>(shape.height), static_cast<std::uint64_t>(shape.width)};
    if (const auto found = batches_.find(key); found != batches_.end()) return found->second;
    auto values = std::make_shared<std::vector<float>>(static_cast<std::size_t>(batch * shape.elements()));
    Random(seed, purpose).fill_normal(*values, 0, 1);
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

 private:
  using Key = std::array<std::uint64_t, 5>;
  std::mutex mutex_;
  std::map<Key, Batch> batches_;
  std::size_t floats_ = 0;  // of all batches
};

Network under(const ScoreConditions& conditions, const Network& network) {
  if (conditions.linearised) return linearised(network);
  if (!conditions.residuals) return canonical(without_residuals(network));
  return network;
}

// Gradient of the mean cross-entropy of the logits against random labels.
void cross_entropy_gradient(std::span<const float> logits, int batch, std::uint64_t seed,
                            std::span<float> gradient) {
  Random labels(seed, Purpose::label);
  const std::size_t classes = logits.size() / static_cast<std::size_t>(batch);
  for (std::size_t begin = 0; begin < logits.size(); begin += classes) {
    const auto row = logits.subspan(begin, classes);
    const auto out = gradient.subspan(begin, classes);
    const float largest = *std::ranges::max_element(row);
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += out[k] = std::exp(row[k] - largest);
    for (float& g : out) g = static_cast<float>(g / sum / batch);
    out[labels.below(classes)] -= 1.0f / static_cast<float>(batch);
  }
}

// The taps of several probes, merged: which operators, and who watches each.
struct Watchers {
  std::vector<OpId> ops;  // sorted, distinct
  std::vector<std::vector<Probe*>> probes;

  void add(Probe* probe, const std::vector<OpId>& wanted) {
    for (const OpId op : wanted) {
      const auto at = std::ranges::lower_bound(ops, op);
      const auto index = at - ops.begin();
      if (at == ops.end() || *at != op) {
        ops.insert(at, op);
        probes.insert(probes.begin() + index, std::vector<Probe*>{});
      }
      probes[static_cast<std::size_t>(index)].push_back(probe);
    }
  }
  std::span<Probe* const> of(OpId op) const {
    return probes[static_cast<std::size_t>(std::ranges::lower_bound(ops, op) - ops.begin())];
  }
};

class PassRun {
 public:
  PassRun(const Pass& pass, const Network& network, int batch, std::uint64_t seed, std::uint64_t fingerprint,
          const std::stop_token& stop)
      : conditions_(pass.conditions),
        network_(under(pass.conditions, network)),
        blocks_(block_outputs(network_)),
        context_{.network = network_, .blocks = blocks_, .batch = batch, .seed = seed, .stop = stop},
        fingerprint_(fingerprint) {
    for (const MakeProbe make : pass.probes) {
      probes_.push_back(make(context_));
      forward_.add(probes_.back().get(), probes_.back()->forward_taps());
      gradient_.add(probes_.back().get(), probes_.back()->gradient_taps());
    }
  }
  PassRun(const PassRun&) = delete;
  PassRun& operator=(const PassRun&) = delete;

  void run(Worker& worker, InputCache& inputs);
  const Probe& probe(std::size_t index) const { return *probes_[index]; }

 private:
  void forward(Executable& executable) const;
  void backward(Executable& executable);
  void backward_from(Executable& executable, std::span<const float> seed) const;

  ScoreConditions conditions_;
  Network network_;
  std::vector<OpId> blocks_;
  PassContext context_;
  std::uint64_t fingerprint_;
  std::vector<std::unique_ptr<Probe>> probes_;
  Watchers forward_, gradient_;
};

void PassRun::forward(Executable& executable) const {
  executable.forward([&](OpId op, TensorView& tensor) {
    for (Probe* probe : forward_.of(op)) probe->see_output(op, tensor);
  });
  for (const auto& probe : probes_) probe->after_forward(executable);
}

void PassRun::backward_from(Executable& executable, std::span<const float> seed) const {
  executable.backward(seed, [&](OpId op, TensorView& tensor) {
    for (Probe* probe : gradient_.of(op)) probe->see_gradient(op, tensor);
  });
  for (const auto& probe : probes_) probe->after_backward(executable);
}

void PassRun::backward(Executable& executable) {
  const std::span<const float> output = executable.output();
  std::vector<float> seed(output.size(), 0.0f);
  switch (conditions_.backward) {
    case BackwardSeed::none:
      return;
    case BackwardSeed::rademacher:
      break;  // the probe puts the seeds in, block by block
    case BackwardSeed::cross_entropy:
      cross_entropy_gradient(output, context_.batch, context_.seed, seed);
      break;
    case BackwardSeed::ones:
      float scale = 1;
      if (conditions_.linearised) {
        // The product of the scales makes the gradients of weights about 1.
        const double sum = std::accumulate(output.begin(), output.end(), 0.0);
        if (std::isfinite(sum) && sum > 0) scale = std::ldexp(1.0f, std::clamp(-std::ilogb(sum), -126, 126));
        context_.log_scale = std::log(static_cast<double>(linear_input)) + std::log(scale);
      }
      std::ranges::fill(seed, scale);
  }
  backward_from(executable, seed);
}

void PassRun::run(Worker& worker, InputCache& inputs) {
  const CompileOptions options = {.batch = context_.batch,
                                  .batch_norm = conditions_.batch_norm,
                                  .backward = conditions_.backward != BackwardSeed::none,
                                  .input_gradient = conditions_.input_gradient,
                                  .weight_gradients = conditions_.weight_gradients,
                                  .forward_taps = forward_.ops,
                                  .gradient_taps = gradient_.ops};
  Executable executable(worker, network_, options);
  executable.initialise(conditions_.initialisation, context_.seed, fingerprint_);
  if (conditions_.linearised)
    for (const Parameter& parameter : executable.parameters())
      for (float& value : parameter.value) value = std::abs(value);

  const std::span<float> input = executable.input();
  if (conditions_.input == ScoreInput::ones) {
    std::ranges::fill(input, conditions_.linearised ? linear_input : 1.0f);
  } else {
    const Batch values = inputs.get(context_.seed, Purpose::input, network_.input_shape(), context_.batch);
    std::ranges::copy(*values, input.begin());
  }
  forward(executable);
  if (conditions_.perturbed) {
    const Batch noise =
        inputs.get(context_.seed, Purpose::perturbation, network_.input_shape(), context_.batch);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] += perturbation * (*noise)[i];
    forward(executable);
  }
  backward(executable);
}

// "not_finite: snip zen; no_activation: naswot".
std::string status_of(std::span<const PlannedScore> scores, std::span<const Outcome> outcomes,
                      const std::string& message) {
  std::vector<std::pair<std::string_view, std::string>> reasons;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const std::string_view reason = outcomes[k].reason;
    if (reason.empty()) continue;
    auto at = std::ranges::find(reasons, reason, &decltype(reasons)::value_type::first);
    if (at == reasons.end()) at = reasons.insert(at, {reason, std::string()});
    at->second += fmt::format(" {}", scores[k].entry->info.name);
  }
  std::string status;
  for (const auto& [reason, names] : reasons)
    status += fmt::format("{}{}:{}", status.empty() ? "" : "; ", reason,
                          reason == "not_executable" ? " " + message : names);
  return status.empty() ? "ok" : status;
}

}  // namespace

struct Scorer::Implementation {
  ScoreSettings settings;
  Plan plan;
  InputCache inputs;

  // Throws Cancelled.
  void fill(ScoreRecord& record, Worker& worker, const Network& declared, const std::stop_token& stop);
};

Scorer::Scorer(ScoreSettings settings) : implementation_(std::make_unique<Implementation>()) {
  validate(settings);
  implementation_->plan = make_plan(settings.scores);
  implementation_->settings = std::move(settings);
}

Scorer::~Scorer() = default;

const ScoreSettings& Scorer::settings() const {
  return implementation_->settings;
}

namespace {

// Lets the worker heed the token while this lives.
class StopScope {
 public:
  StopScope(Worker& worker, std::stop_token stop) : worker_(worker) { worker_.set_stop(std::move(stop)); }
  ~StopScope() { worker_.set_stop({}); }
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  Worker& worker_;
};

}  // namespace

ScoreRecord Scorer::score(Worker& worker, const Network& declared, std::stop_token stop) const {
  ScoreRecord record;
  record.fingerprint = fingerprint(declared);
  const StopScope scope(worker, stop);
  try {
    implementation_->fill(record, worker, declared, stop);
  } catch (const Cancelled&) {
    record.values.assign(implementation_->plan.scores.size(), std::numeric_limits<double>::quiet_NaN());
    record.status = "cancelled";
  }
  return record;
}

void Scorer::Implementation::fill(ScoreRecord& record, Worker& worker, const Network& declared,
                                  const std::stop_token& stop) {
  std::vector<Outcome> outcomes(plan.scores.size());
  std::string message;
  const Network network =
      plan.passes.empty() ? declared : at_most(logits(canonical(declared)), settings.resolution);
  for (int repeat = 0; repeat < settings.repeats; ++repeat) {
    const std::uint64_t seed =
        repeat == 0 ? settings.seed : hash_combine(settings.seed, static_cast<std::uint64_t>(repeat));
    for (std::size_t p = 0; p < plan.passes.size(); ++p) {
      if (stop.stop_requested()) throw Cancelled();
      const Pass& pass = plan.passes[p];
      const int batch = pass.conditions.input == ScoreInput::ones ? 1 : settings.batch;
      PassRun run(pass, network, batch, seed, record.fingerprint, stop);
      std::string_view failure;
      try {
        run.run(worker, inputs);
      } catch (const InputError& error) {
        failure = "not_executable";
        message = error.what();
      } catch (const std::bad_alloc&) {
        failure = "not_executable";
        message = "There is not enough memory for the network at this batch size.";
      }
      for (std::size_t k = 0; k < plan.scores.size(); ++k) {
        const PlannedScore& score = plan.scores[k];
        if (score.entry->read == nullptr || score.pass != p || !outcomes[k].reason.empty()) continue;
        const Outcome outcome =
            failure.empty() ? score.entry->read(run.probe(score.probe)) : Outcome::failed(failure);
        outcomes[k].value += outcome.value / settings.repeats;
        outcomes[k].reason = !outcome.reason.empty()        ? outcome.reason
                             : std::isfinite(outcome.value) ? std::string_view{}
                                                            : "not_finite";
      }
    }
  }
  for (std::size_t k = 0; k < plan.scores.size(); ++k) {
    if (plan.scores[k].entry->of_network != nullptr)
      outcomes[k].value = plan.scores[k].entry->of_network(declared);
    record.values.push_back(outcomes[k].reason.empty() ? outcomes[k].value
                                                       : std::numeric_limits<double>::quiet_NaN());
  }
  record.status = status_of(plan.scores, outcomes, message);
}

}  // namespace assay
