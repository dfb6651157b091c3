#include "parameters.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace assay {

namespace {

constexpr std::array<std::pair<Initialisation, std::string_view>, 4> names{{
    {Initialisation::kaiming_normal_fan_in, "kaiming_normal_fan_in"},
    {Initialisation::kaiming_normal_fan_out, "kaiming_normal_fan_out"},
    {Initialisation::pytorch_default, "pytorch_default"},
    {Initialisation::standard_normal, "standard_normal"},
}};

std::int64_t product(const std::vector<std::int64_t>& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

// Plain row-major description of a weight tensor: groups are folded into the output channels in `dims`, but
// oneDNN's layouts of grouped weights have them as a dimension of their own.
dnnl::memory::desc plain_layout(const dnnl::memory::desc& stored) {
  using Tag = dnnl::memory::format_tag;
  constexpr Tag tags[] = {Tag::undef, Tag::undef, Tag::ab, Tag::abc, Tag::abcd, Tag::abcde};
  return {stored.dims(), dnnl::memory::data_type::f32, tags[stored.data.ndims]};
}

}  // namespace

std::string_view to_string(Initialisation initialisation) {
  for (const auto& [value, name] : names) {
    if (value == initialisation) return name;
  }
  throw InternalError("An initialisation has no name.");
}

std::optional<Initialisation> initialisation_from(std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> initialisation_names() {
  std::vector<std::string> all;
  for (const auto& [value, name] : names) all.emplace_back(name);
  return all;
}

std::int64_t Parameter::elements() const {
  return product(dims);
}

std::int64_t ParameterTensor::elements() const {
  return product(dims);
}

void ParameterTensor::set_layout(const dnnl::memory::desc& stored) {
  layout = stored;
  floats = static_cast<std::int64_t>(stored.get_size() / sizeof(float));
}

ParameterTensor& ParameterSet::add(ParameterTensor tensor) {
  tensors_.push_back(std::move(tensor));
  return tensors_.back();
}

namespace {

std::int64_t aligned(std::int64_t floats) {
  return (floats + 15) / 16 * 16;
}

}  // namespace

std::int64_t ParameterSet::floats(bool gradients) const {
  std::int64_t total = 0;
  for (const ParameterTensor& tensor : tensors_)
    total += aligned(tensor.floats) * (gradients && tensor.trained ? 2 : 1);
  return total;
}

std::int64_t ParameterSet::largest() const {
  std::int64_t most = 0;
  for (const ParameterTensor& tensor : tensors_) most = std::max(most, tensor.elements());
  return most;
}

void ParameterSet::allocate(Worker::Implementation& worker, bool gradients) {
  const std::int64_t total = floats(gradients);
  memory_ = worker.pool.take(std::max<std::int64_t>(total, 1));
  bytes_ = total * static_cast<std::int64_t>(sizeof(float));
  std::fill_n(memory_.data(), total, 0.0f);
  float* next = memory_.data();
  for (ParameterTensor& tensor : tensors_) {
    tensor.value = next;
    next += aligned(tensor.floats);
  }
  for (ParameterTensor& tensor : tensors_) {
    if (!gradients || !tensor.trained) continue;
    tensor.gradient = next;
    next += aligned(tensor.floats);
  }
}

void ParameterSet::initialise(Worker::Implementation& worker, Initialisation initialisation,
                              std::uint64_t seed, std::uint64_t fingerprint) {
  std::vector<float> plain;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (worker.stop.stop_requested()) throw Cancelled();
    const ParameterTensor& tensor = tensors_[i];
    plain.resize(static_cast<std::size_t>(tensor.elements()));
    Random random(seed, Purpose::weights, fingerprint, i);
    const bool weight = tensor.role == ParameterRole::weight;
    if (!weight && tensor.role != ParameterRole::bias) {
      const bool one = tensor.role == ParameterRole::scale || tensor.role == ParameterRole::running_variance;
      std::fill(plain.begin(), plain.end(), one ? 1.0f : 0.0f);
    } else if (initialisation == Initialisation::pytorch_default) {
      const auto bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(tensor.fan_in)));
      random.fill_uniform(plain, -bound, bound);
    } else if (!weight) {
      std::fill(plain.begin(), plain.end(), 0.0f);
    } else if (initialisation == Initialisation::standard_normal) {
      random.fill_normal(plain, 0.0f, 1.0f);
    } else {
      const std::int64_t fan =
          initialisation == Initialisation::kaiming_normal_fan_in ? tensor.fan_in : tensor.fan_out;
      random.fill_normal(plain, 0.0f, static_cast<float>(std::sqrt(2.0 / static_cast<double>(fan))));
    }
    store_parameter(worker, tensor, plain.data(), tensor.value);
  }
}

void store_parameter(Worker::Implementation& worker, const ParameterTensor& tensor, const float* plain,
                     float* stored) {
  if (tensor.layout.data.ndims == 0) {
    std::copy_n(plain, tensor.elements(), stored);
  } else {
    worker.reorder(plain_layout(tensor.layout), plain, tensor.layout, stored);
  }
}

void load_parameter(Worker::Implementation& worker, const ParameterTensor& tensor, const float* stored,
                    float* plain) {
  if (tensor.layout.data.ndims == 0) {
    std::copy_n(stored, tensor.elements(), plain);
  } else {
    worker.reorder(tensor.layout, stored, plain_layout(tensor.layout), plain);
  }
}

}  // namespace assay
