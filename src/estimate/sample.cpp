// Choosing which subgraphs of some networks to measure.
#include "assay/estimate/sample.hpp"

#include "assay/accelerator/cycle_model.hpp"
#include "assay/accelerator/measurement.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/estimator.hpp"

#include "features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_set>

namespace assay {
namespace {

struct Distinct {
  Subgraph subgraph;
  Extents extents{};
  std::uint64_t rank = 0;  // random order; 0: holds an extreme of its kind
};

// Every kind gets at least this many measurements, by variation where the networks have fewer.
constexpr std::size_t fewest_per_kind = 30;

// The same operator on other channels and another image, each a factor of 1/2 to 2 away.
Subgraph vary(const Subgraph& s, Random& random) {
  const auto scaled = [&](std::int32_t size, double factor) {
    return std::max(1, static_cast<std::int32_t>(std::lround(size * factor)));
  };
  const auto factor = [&] { return std::exp2(2 * random.uniform() - 1); };
  const bool depthwise = s.is_depthwise();
  const std::int32_t groups = depthwise ? 1 : s.groups;
  Subgraph out = s;
  if (s.is_matrix() && !depthwise) {
    // Input channels of an image (3) are given, not chosen.
    if (s.input.channels > 4) out.input.channels = groups * scaled(s.input.channels / groups, factor());
    out.output.channels = groups * scaled(s.output.channels / groups, factor());
  } else {
    const std::int32_t multiple = s.output.channels / s.input.channels;
    out.input.channels = groups * scaled(s.input.channels / groups, factor());
    out.output.channels = out.input.channels * std::max(multiple, 1);
    if (depthwise) out.groups = out.input.channels;
  }
  const double zoom = factor();
  const auto zoomed = [&](std::int32_t& in, std::int32_t& result, std::int32_t reach, std::int32_t stride) {
    if (in == 1) return;
    const std::int32_t before = in;
    in = scaled(before, zoom);
    if (s.is_transposed()) {
      result = std::max(1, result + (in - before) * stride);  // the same paddings
      return;
    }
    if (result > 1) result = static_cast<std::int32_t>((std::int64_t{result} * in + before - 1) / before);
    // A window that moves over the image gives no less than without padding, and no more than with a padding
    // that it just overlaps.
    if (s.is_windowed())
      result = std::clamp(result, std::max((in - reach) / stride, 0) + 1, (in + 2 * reach - 3) / stride + 1);
  };
  zoomed(out.input.height, out.output.height, (s.kernel_h - 1) * s.dilation_h + 1, s.stride_h);
  zoomed(out.input.width, out.output.width, (s.kernel_w - 1) * s.dilation_w + 1, s.stride_w);
  return out;
}

// How many of each kind to choose, `count` together: a minimum of each, the rest in proportion to how many
// there are, rounded by the method of largest remainders.
using Kinds = std::array<std::vector<Distinct>, subgraph_kind_count>;
std::array<std::size_t, subgraph_kind_count> quotas_of(const Kinds& kinds, std::size_t total,
                                                       std::size_t count) {
  const auto present = static_cast<std::size_t>(
      std::count_if(kinds.begin(), kinds.end(), [](const auto& kind) { return !kind.empty(); }));
  const std::size_t share = std::min(fewest_per_kind, count / present);
  const std::size_t proportional = count - present * share;
  std::array<std::size_t, subgraph_kind_count> quotas{}, by_remainder{};
  std::size_t left = count;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    by_remainder[k] = k;
    if (kinds[k].empty()) continue;
    quotas[k] = share + proportional * kinds[k].size() / total;
    left -= quotas[k];
  }
  std::ranges::stable_sort(by_remainder, std::greater<>(),
                           [&](std::size_t k) { return proportional * kinds[k].size() % total; });
  for (std::size_t i = 0; i < left; ++i) ++quotas[by_remainder[i]];
  return quotas;
}

void mark_extremes(std::vector<Distinct>& all) {
  for (std::size_t e = 0; e < extent_count; ++e) {
    const auto [low, high] = std::minmax_element(
        all.begin(), all.end(),
        [e](const Distinct& a, const Distinct& b) { return a.extents[e] < b.extents[e]; });
    low->rank = high->rank = 0;
  }
}

}  // namespace

std::vector<Subgraph> sample_subgraphs(const FusionRules& rules, std::span<const Network* const> networks,
                                       std::size_t count, std::uint64_t seed) {
  SubgraphSplitter splitter(rules);
  std::unordered_set<std::uint64_t> known;
  Kinds kinds;
  std::size_t total = 0;
  for (const Network* network : networks) {
    for (const SubgraphInstance& instance : splitter.split(*network)) {
      const Subgraph& s = instance.subgraph;
      if (!known.insert(s.key()).second) continue;
      const std::uint64_t rank = std::max<std::uint64_t>(Random(seed, Purpose::sample, s.key()).bits64(), 1);
      kinds[static_cast<std::size_t>(kind_of(s))].push_back({s, extents_of(s, work_of(s)), rank});
      ++total;
    }
  }
  if (total == 0) throw InputError("The networks hold no operator that takes time. Give others.");

  const std::array<std::size_t, subgraph_kind_count> quotas = quotas_of(kinds, total, count);
  std::vector<Subgraph> chosen, spare;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::vector<Distinct>& kind = kinds[k];
    if (kind.empty()) continue;
    mark_extremes(kind);
    std::stable_sort(kind.begin(), kind.end(),
                     [](const Distinct& a, const Distinct& b) { return a.rank < b.rank; });
    const std::size_t quota = quotas[k];
    const std::size_t taken = std::min(quota, kind.size());
    for (std::size_t i = 0; i < kind.size(); ++i) (i < taken ? chosen : spare).push_back(kind[i].subgraph);
    Random random(seed, Purpose::sample, 0, k + 1);
    // A kind with a single size (1x1 in, 1x1 out) has few variations: give up after enough tries.
    std::size_t missing = quota - taken;
    for (std::size_t attempt = 0; missing > 0 && attempt < 20 * quota; ++attempt) {
      const Subgraph variation = vary(kind[random.below(kind.size())].subgraph, random);
      if (!known.insert(variation.key()).second) continue;
      chosen.push_back(variation);
      --missing;
    }
  }
  // What such a kind leaves goes to the others.
  const std::size_t left = std::min(count - chosen.size(), spare.size());
  chosen.insert(chosen.end(), spare.begin(), spare.begin() + static_cast<std::ptrdiff_t>(left));
  return chosen;
}

double uncertainty_ms(const Estimator& estimator, const Subgraph& subgraph) {
  const Prediction p = estimator.predict(subgraph);
  return (p.latency_high_ms - p.latency_low_ms) / 2;
}

std::vector<HelpfulMeasurement> most_helpful(const Estimator& estimator, std::span<const Network> networks,
                                             std::size_t count) {
  std::map<std::uint64_t, HelpfulMeasurement> by_key;  // ordered: the result depends on nothing else
  SubgraphSplitter splitter(estimator.accelerator().fusion);
  double total = 0;
  for (const Network& network : networks) {
    for (const SubgraphInstance& instance : splitter.split(network)) {
      HelpfulMeasurement& entry = by_key[instance.subgraph.key()];
      if (entry.occurrences++ == 0) {
        entry.subgraph = instance.subgraph;
        entry.uncertainty_ms = uncertainty_ms(estimator, instance.subgraph);
      }
      total += entry.uncertainty_ms * entry.uncertainty_ms;
    }
  }
  std::vector<HelpfulMeasurement> all;
  for (auto& [key, entry] : by_key) {
    entry.share = total > 0 ? entry.occurrences * entry.uncertainty_ms * entry.uncertainty_ms / total : 0;
    all.push_back(entry);
  }
  std::ranges::stable_sort(all, std::greater<>(), &HelpfulMeasurement::share);
  all.resize(std::min(count, all.size()));
  return all;
}

std::vector<Subgraph> sample_uncertain(const Accelerator& accelerator,
                                       std::span<const Network* const> networks,
                                       std::span<const SubgraphMeasurement> measured, std::size_t count,
                                       std::uint64_t seed) {
  struct Candidate {
    Subgraph subgraph;
    int occurrences = 0;
    double priority = 0;
  };
  std::map<std::uint64_t, Candidate> by_key;  // ordered: the result depends on nothing else
  SubgraphSplitter splitter(accelerator.fusion);
  for (const Network* network : networks) {
    for (const SubgraphInstance& instance : splitter.split(*network)) {
      Candidate& candidate = by_key[instance.subgraph.key()];
      candidate.subgraph = instance.subgraph;
      ++candidate.occurrences;
    }
  }
  for (const SubgraphMeasurement& row : measured) by_key.erase(row.subgraph.key());
  if (by_key.empty()) return {};

  const Estimator estimator = Estimator::fit(accelerator, measured, {}, {.seed = seed});
  std::vector<Candidate> candidates;
  for (auto& [key, candidate] : by_key) {
    const double weight = candidate.occurrences * uncertainty_ms(estimator, candidate.subgraph);
    const double u = Random(seed, Purpose::sample, key, measured.size()).uniform();
    candidate.priority = std::log(1 - u) / std::max(weight, 1e-300);
    candidates.push_back(candidate);
  }
  std::ranges::stable_sort(candidates, std::greater<>(), &Candidate::priority);
  std::vector<Subgraph> chosen;
  for (const Candidate& candidate : std::span(candidates).first(std::min(count, candidates.size()))) {
    chosen.push_back(candidate.subgraph);
  }
  return chosen;
}

Estimator fit_from_networks(const Accelerator& accelerator, std::span<const Network> networks,
                            const SampleOptions& options) {
  require_cycle_model(accelerator);
  if (networks.empty())
    throw InputError("An estimator cannot be fitted without a network. Give at least one.");
  if (options.subgraphs < 50) throw InputError("A fit needs at least 50 subgraphs. Ask for more.");
  // With enough networks every second one calibrates the interval, unseen by the fit.
  constexpr std::size_t enough = 40;
  const bool calibrated = networks.size() >= enough;
  std::vector<const Network*> fitted;
  std::vector<NetworkMeasurement> calibration;
  SubgraphSplitter splitter(accelerator.fusion);
  for (std::size_t i = 0; i < networks.size(); ++i) {
    if (!calibrated || i % 2 == 0) {
      fitted.push_back(&networks[i]);
      continue;
    }
    double latency = 0;
    std::vector<Subgraph> subgraphs;
    for (const SubgraphInstance& instance : splitter.split(networks[i]))
      subgraphs.push_back(instance.subgraph);
    for (const SubgraphMeasurement& row :
         measure_on_model(accelerator, subgraphs, options.noise, options.seed).rows) {
      latency += row.latency_ms;
    }
    calibration.push_back({&networks[i], latency});
  }
  const std::vector<Subgraph> subgraphs =
      sample_subgraphs(accelerator.fusion, fitted, static_cast<std::size_t>(options.subgraphs), options.seed);
  const MeasurementSet measured = measure_on_model(accelerator, subgraphs, options.noise, options.seed);
  return Estimator::fit(accelerator, measured.rows, calibration, options);
}

}  // namespace assay
