#include "assay/estimate/estimator.hpp"

#include "assay/base/file.hpp"

#include "model.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

// An estimate outside of what was measured counts with twice the error.
constexpr double extrapolation_deviation = 2;
// Of a kind that was never measured, relative.
constexpr double unmeasured_deviation = 0.25;
// See Belief::novelty.
constexpr double most_novelty = 0.5;

constexpr std::size_t first_table_size = 1024;
// Beyond this many subgraphs the cache starts anew: memory stays bounded however long a search runs.
constexpr std::size_t most_entries = std::size_t{1} << 18;

Bound bound_of(const Terms& face, const Terms& terms) {
  const double compute = face[lane_cycles] * terms[lane_cycles] + face[weight_swaps] * terms[weight_swaps];
  const double memory = face[weight_bytes] * terms[weight_bytes] + face[excess_bytes] * terms[excess_bytes] +
                        face[activation_bytes] * terms[activation_bytes];
  const double overhead = face[launch_term];
  if (overhead > std::max(compute, memory)) return Bound::overhead;
  return memory > compute ? Bound::memory : Bound::compute;
}

}  // namespace

std::uint64_t network_key(std::span<const SubgraphInstance> instances) {
  std::uint64_t key = 1;
  for (const SubgraphInstance& instance : instances) key += instance.subgraph.key();
  return key;
}

SubgraphValue Estimator::Model::value_of(const Subgraph& subgraph, Setting setting) const {
  const KindModel& model = rooflines.model_of(kind_of(subgraph));
  const Work work = work_of(subgraph);
  SubgraphValue value;
  value.latency_ms = rooflines.latency_ms(accelerator, subgraph, work);
  value.extrapolated = &model == &rooflines.fallback || !model.covers(extents_of(subgraph, work));
  double relative = model.deviation * model.deviation;
  if (&model == &rooflines.fallback)
    relative = std::max(relative, unmeasured_deviation * unmeasured_deviation);
  if (!correction.empty()) {
    const Belief belief =
        correction.at(point_of(accelerator, subgraph, value.latency_ms), setting == Setting::in_network);
    if (belief.informed) {
      value.latency_ms *= std::exp(belief.log_factor);
      relative = belief.variance + correction.kernel.noise;
      // Each size alone may have been measured, but nothing that is like the whole.
      value.extrapolated |= belief.novelty > most_novelty;
    }
  }
  const double scale = value.latency_ms * (value.extrapolated ? extrapolation_deviation : 1);
  value.variance = relative * scale * scale;
  return value;
}

Prediction Estimator::Model::predicted(double latency_ms, double variance, bool extrapolated,
                                       const Interval& interval) const {
  const double deviation = std::sqrt(variance) / latency_ms;
  return {latency_ms, latency_ms * std::exp(interval.low * deviation),
          latency_ms * std::exp(interval.high * deviation), extrapolated};
}

Estimator Estimator::load(const std::string& path) {
  return from_json(read_file(path), path);
}

Prediction Estimator::predict(const Network& network) const {
  return Session(*this).predict(network);
}

Prediction Estimator::predict(const Subgraph& subgraph, Setting setting) const {
  const SubgraphValue value = model_->value_of(subgraph, setting);
  return model_->predicted(value.latency_ms, value.variance, value.extrapolated, model_->of_subgraph);
}

std::vector<SubgraphPrediction> Estimator::explain(const Network& network) const {
  SubgraphSplitter splitter(model_->accelerator.fusion);
  std::vector<SubgraphPrediction> rows;
  double total = 0;
  for (const SubgraphInstance& instance : splitter.split(network)) {
    const Subgraph& subgraph = instance.subgraph;
    const SubgraphValue value = model_->value_of(subgraph, Setting::in_network);
    const LaneModel lanes = model_->rooflines.lanes_of(model_->accelerator, subgraph);
    const Terms terms = terms_of(model_->accelerator, lanes, subgraph, work_of(subgraph));
    const Terms& face = model_->rooflines.model_of(kind_of(subgraph)).roofline.active(terms);
    rows.push_back({.subgraph = subgraph,
                    .first = instance.first,
                    .last = instance.last,
                    .latency_ms = value.latency_ms,
                    .share = 0,
                    .lane_efficiency = lane_efficiency(model_->accelerator, lanes, subgraph),
                    .bound = bound_of(face, terms),
                    .extrapolated = value.extrapolated});
    total += value.latency_ms;
  }
  for (SubgraphPrediction& row : rows) row.share = total > 0 ? row.latency_ms / total : 0;
  return rows;
}

bool Estimator::fitted_to(const Subgraph& subgraph) const {
  return std::ranges::binary_search(model_->fitted_to, subgraph.key());
}

bool Estimator::fitted_to(const Network& network) const {
  return std::ranges::binary_search(model_->fitted_to,
                                    network_key(SubgraphSplitter(model_->accelerator.fusion).split(network)));
}

const Accelerator& Estimator::accelerator() const {
  return model_->accelerator;
}

const CrossValidation& Estimator::cross_validation() const {
  return model_->cross_validation;
}

std::vector<LaneFinding> Estimator::lanes() const {
  std::vector<LaneFinding> out;
  for (std::size_t k = 0; k < model_->rooflines.kinds.size(); ++k) {
    const KindModel& model = model_->rooflines.kinds[k];
    if (!model.fitted) continue;
    const auto kind = static_cast<SubgraphKind>(k);
    const bool matrix =
        kind == SubgraphKind::convolution || kind == SubgraphKind::linear ||
        (kind == SubgraphKind::depthwise && model_->accelerator.depthwise == DepthwiseUnit::matrix);
    constexpr std::array<std::string_view, lane_dimension_count> names = {"input channels", "output channels",
                                                                          "pixels"};
    for (std::size_t d = 0; d < model.lanes.size(); ++d) {
      if (!matrix && d != 1) continue;
      out.push_back({.kind = kind,
                     .dimension = matrix ? names[d] : "vector",
                     .lanes = model.lanes[d].lanes,
                     .softness = model.lanes[d].softness,
                     .from_file = model.evidence[d].rival == 0,
                     .rival = model.evidence[d].rival,
                     .rival_error = model.evidence[d].rival_error});
    }
  }
  return out;
}

double Estimator::coverage() const {
  return model_->coverage;
}

double Estimator::reference_ms() const {
  return model_->reference_ms;
}

Estimator::Session::Session(const Estimator& estimator)
    : model_(estimator.model_), splitter_(model_->accelerator.fusion), table_(first_table_size) {}

Prediction Estimator::Session::predict(const Network& network) {
  double latency = 0;
  double variance = 0;
  bool extrapolated = false;
  for (const SubgraphInstance& instance : splitter_.split(network)) {
    const Entry& entry = look_up(instance.subgraph);
    latency += entry.latency_ms;
    variance += entry.variance;
    extrapolated |= entry.extrapolated;
  }
  return model_->predicted(latency, variance, extrapolated, model_->of_network);
}

const Estimator::Session::Entry& Estimator::Session::look_up(const Subgraph& subgraph) {
  const std::uint64_t key = std::max<std::uint64_t>(subgraph.key(), 1);
  std::size_t slot = key & (table_.size() - 1);
  while (table_[slot].key != 0) {
    if (table_[slot].key == key) return table_[slot];
    slot = (slot + 1) & (table_.size() - 1);
  }
  if (2 * (used_ + 1) > table_.size()) {
    grow();
    return look_up(subgraph);
  }
  const SubgraphValue value = model_->value_of(subgraph, Setting::in_network);
  ++used_;
  table_[slot] = {key, value.latency_ms, value.variance, value.extrapolated};
  return table_[slot];
}

void Estimator::Session::grow() {
  const bool full = used_ >= most_entries;
  std::vector<Entry> old(full ? table_.size() : 2 * table_.size());
  old.swap(table_);
  used_ = 0;
  if (full) return;
  for (const Entry& entry : old) {
    if (entry.key == 0) continue;
    std::size_t slot = entry.key & (table_.size() - 1);
    while (table_[slot].key != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = entry;
    ++used_;
  }
}

}  // namespace assay
