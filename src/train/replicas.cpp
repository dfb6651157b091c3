#include "replicas.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

bool is_statistic(const Parameter& parameter) {
  return parameter.role == ParameterRole::running_mean || parameter.role == ParameterRole::running_variance;
}

}  // namespace

Replicas::Replicas(Team& team, const Network& network, int shard_batch) : team_(team) {
  CompileOptions options;
  options.batch = shard_batch;
  options.weight_gradients = true;
  for_each_shard([&](int index, Worker& worker) {
    Shard& shard = shards_[static_cast<std::size_t>(index)];
    shard.executable.emplace(worker, network, options);
    shard.labels.resize(static_cast<std::size_t>(shard_batch));
    shard.output_gradient.resize(shard.executable->output().size());
  });
  make_slices();
}

Replicas::~Replicas() {
  for_each_shard([&](int index, Worker&) { shards_[static_cast<std::size_t>(index)].executable.reset(); });
}

void Replicas::for_each_shard(const std::function<void(int, Worker&)>& job) {
  team_.run([&](int thread, Worker& worker) {
    for (int shard = thread; shard < train_shards; shard += team_.size()) job(shard, worker);
  });
}

void Replicas::for_each_slice(const std::function<void(Slice&)>& job) {
  team_.run([&](int thread, Worker&) {
    const auto stride = static_cast<std::size_t>(team_.size());
    for (auto i = static_cast<std::size_t>(thread); i < slices_.size(); i += stride) job(slices_[i]);
  });
}

void Replicas::make_slices() {
  constexpr std::size_t slice_floats = 1 << 14;
  const std::span<const Parameter> first = shards_[0].executable->parameters();
  velocities_.resize(first.size());
  for (std::size_t p = 0; p < first.size(); ++p) {
    const bool statistic = is_statistic(first[p]);
    const std::size_t size = first[p].value.size();
    velocities_[p].assign(statistic ? 0 : size, 0.0f);
    for (std::size_t begin = 0; begin < size; begin += slice_floats) {
      const std::size_t count = std::min(slice_floats, size - begin);
      Slice slice;
      for (std::size_t s = 0; s < shards_.size(); ++s) {
        const Parameter& parameter = shards_[s].executable->parameters()[p];
        slice.value[s] = parameter.value.subspan(begin, count);
        if (!statistic) slice.gradient[s] = parameter.gradient.subspan(begin, count);
      }
      if (!statistic) slice.velocity = std::span(velocities_[p]).subspan(begin, count);
      slice.decays = first[p].role == ParameterRole::weight;
      slices_.push_back(slice);
    }
  }
}

void Replicas::initialise(Initialisation initialisation, std::uint64_t seed, std::uint64_t fingerprint) {
  for_each_shard([&](int shard, Worker&) {
    shards_[static_cast<std::size_t>(shard)].executable->initialise(initialisation, seed, fingerprint);
  });
  for (auto& velocity : velocities_) std::fill(velocity.begin(), velocity.end(), 0.0f);
}

bool Replicas::fit(const Tensors& parameters, const Tensors& velocities) {
  if (parameters.size() != velocities_.size() || velocities.size() != velocities_.size()) return false;
  const std::span<const Parameter> own = shards_[0].executable->parameters();
  for (std::size_t p = 0; p < own.size(); ++p) {
    const auto elements = static_cast<std::size_t>(own[p].elements());
    if (parameters[p].size() != elements || velocities[p].size() != (is_statistic(own[p]) ? 0 : elements)) {
      return false;
    }
  }
  return true;
}

// A velocity has the layout of its parameter, so it is converted by passing through the parameter's place (on
// the way in) or its gradient's (on the way out).
void Replicas::load(const Tensors& parameters, const Tensors& velocities) {
  if (!fit(parameters, velocities)) throw InternalError("The tensors are not those of the network.");
  for_each_shard([&](int index, Worker&) {
    Executable& executable = *shards_[static_cast<std::size_t>(index)].executable;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      if (index == 0 && !velocities[p].empty()) {
        executable.set_parameter(p, velocities[p]);
        const auto placed = executable.parameters()[p].value;
        std::copy(placed.begin(), placed.end(), velocities_[p].begin());
      }
      executable.set_parameter(p, parameters[p]);
    }
  });
}

Tensors Replicas::parameters() {
  Tensors tensors(velocities_.size());
  for_each_shard([&](int index, Worker&) {
    if (index != 0) return;
    Executable& executable = *shards_[0].executable;
    for (std::size_t p = 0; p < tensors.size(); ++p) {
      tensors[p].resize(static_cast<std::size_t>(executable.parameters()[p].elements()));
      executable.get_parameter(p, tensors[p]);
    }
  });
  return tensors;
}

Tensors Replicas::velocities() {
  Tensors tensors(velocities_.size());
  for_each_shard([&](int index, Worker&) {
    if (index != 0) return;
    Executable& executable = *shards_[0].executable;
    for (std::size_t p = 0; p < tensors.size(); ++p) {
      if (velocities_[p].empty()) continue;
      const Parameter& parameter = executable.parameters()[p];
      std::copy(velocities_[p].begin(), velocities_[p].end(), parameter.gradient.begin());
      tensors[p].resize(static_cast<std::size_t>(parameter.elements()));
      executable.get_gradient(p, tensors[p]);
    }
  });
  return tensors;
}

void Replicas::run_shard(int index, const Fill& fill, double label_smoothing) {
  // PyTorch's default.
  constexpr float statistics_momentum = 0.1f;
  Shard& shard = shards_[static_cast<std::size_t>(index)];
  Executable& executable = *shard.executable;
  fill(index, executable.input(), shard.labels);
  executable.forward();
  shard.loss =
      softmax_cross_entropy(executable.output(), shard.labels, label_smoothing, shard.output_gradient);
  executable.backward(shard.output_gradient);
  executable.update_running_statistics(statistics_momentum);
}

Replicas::Outcome Replicas::step(const Fill& fill, const Rule& rule) {
  for_each_shard([&](int shard, Worker&) { run_shard(shard, fill, rule.label_smoothing); });
  Outcome outcome;
  for (const Shard& shard : shards_) outcome.loss += shard.loss / train_shards;

  for_each_slice([](Slice& slice) {
    if (!slice.gradient[0].empty()) {
      slice.squares = average_into(slice.gradient[0], slice.gradient[1]);
    } else {
      average_into(slice.value[0], slice.value[1]);
      std::copy(slice.value[0].begin(), slice.value[0].end(), slice.value[1].begin());
    }
  });
  double squares = 0;
  for (const Slice& slice : slices_) squares += slice.squares;
  outcome.gradient_norm = std::sqrt(squares);
  if (!std::isfinite(outcome.loss) || !std::isfinite(outcome.gradient_norm)) return outcome;

  const bool clips = rule.gradient_clip > 0 && outcome.gradient_norm > rule.gradient_clip;
  SgdStep sgd;
  sgd.learning_rate = static_cast<float>(rule.learning_rate);
  sgd.momentum = static_cast<float>(rule.momentum);
  sgd.gradient_scale = clips ? static_cast<float>(rule.gradient_clip / outcome.gradient_norm) : 1.0f;
  for_each_slice([&](Slice& slice) {
    if (slice.gradient[0].empty()) return;
    SgdStep own = sgd;
    own.weight_decay = slice.decays ? static_cast<float>(rule.weight_decay) : 0.0f;
    sgd_update(own, slice.gradient[0], slice.velocity, slice.value[0]);
    std::copy(slice.value[0].begin(), slice.value[0].end(), slice.value[1].begin());
  });
  return outcome;
}

}  // namespace assay
