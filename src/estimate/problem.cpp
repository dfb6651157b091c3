#include "problem.hpp"

#include "assay/base/error.hpp"
#include "assay/base/random.hpp"

#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::size_t fewest_rows = 10;
constexpr std::size_t fewest_networks = 20;       // alone
constexpr std::size_t fewest_extra_networks = 5;  // beside subgraphs

struct SubgraphHash {
  std::size_t operator()(const Subgraph& s) const { return s.key(); }
};

void check_latency(double latency, const std::string& what) {
  // A billionth of a millisecond to three hours: beyond, sums lose their digits.
  constexpr double least = 1e-9, most = 1e7;
  if (latency >= least && latency <= most) return;
  if (latency > 0 && std::isfinite(latency)) {
    throw InputError(fmt::format(
        "{} took {} ms, and no hardware does that. Correct or remove the measurement.", what, latency));
  }
  throw InputError(fmt::format(
      "{} took {} ms. Latencies are positive numbers: remove or repeat the measurement.", what, latency));
}

void check_rows(const Accelerator& accelerator, std::span<const SubgraphMeasurement> rows,
                std::span<const NetworkMeasurement> networks) {
  const bool enough = networks.empty() ? rows.size() >= fewest_rows
                      : rows.empty()   ? networks.size() >= fewest_networks
                                     : rows.size() >= fewest_rows && networks.size() >= fewest_extra_networks;
  if (!enough) {
    throw InputError(fmt::format(
        "There are {} measured subgraphs and {} measured networks. A fit needs at least {} subgraphs, or {} "
        "networks, or {} subgraphs and {} networks; better hundreds. Measure more.",
        rows.size(), networks.size(), fewest_rows, fewest_networks, fewest_rows, fewest_extra_networks));
  }
  const double peak = accelerator.macs_per_cycle() * accelerator.clock_mhz * 1e3;  // a millisecond
  int judged = 0;
  int impossible = 0;
  const auto judge = [&](double macs, double latency) {
    if (peak == 0 || macs == 0) return;
    ++judged;
    impossible += latency < macs / peak / 2;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Subgraph& subgraph = rows[i].subgraph;
    check(subgraph, fmt::format("Measurement {}", i + 1));
    check_latency(rows[i].latency_ms, fmt::format("Measurement {} ({})", i + 1, describe(subgraph)));
    if (!on_vector_unit(accelerator, subgraph))
      judge(static_cast<double>(work_of(subgraph).macs), rows[i].latency_ms);
  }
  SubgraphSplitter splitter(accelerator.fusion);
  for (std::size_t i = 0; i < networks.size(); ++i) {
    check_latency(networks[i].latency_ms, fmt::format("Measured network {}", i + 1));
    double macs = 0;
    for (const SubgraphInstance& instance : splitter.split(*networks[i].network)) {
      if (!on_vector_unit(accelerator, instance.subgraph))
        macs += static_cast<double>(work_of(instance.subgraph).macs);
    }
    judge(macs, networks[i].latency_ms);
  }
  if (2 * impossible > judged) {
    throw InputError(fmt::format(
        "{} of {} measurements are faster than the peak rate of \"{}\" allows. Latencies are read as "
        "milliseconds: if these are seconds, multiply them by 1000; else correct the accelerator file.",
        impossible, judged, accelerator.name));
  }
}

struct Place {
  std::uint64_t key = 0;
  double latency_ms = 0;
  std::size_t row = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// By what was measured: a fit must not depend on the order of a file's rows.
template <class Measurement, class KeyOf>
std::vector<Place> in_order(std::span<const Measurement> rows, KeyOf&& key_of) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < rows.size(); ++i) places.push_back({key_of(rows[i]), rows[i].latency_ms, i});
  std::ranges::sort(places, [](const Place& a, const Place& b) { return a < b; });
  return places;
}

}  // namespace

Problem gather(const Accelerator& accelerator, std::span<const SubgraphMeasurement> measured,
               std::span<const NetworkMeasurement> networks, const FitOptions& options) {
  check_rows(accelerator, measured, networks);
  Problem problem{accelerator, {}, {}, {}, {}, {}, networks.size()};
  std::unordered_map<Subgraph, int, SubgraphHash> known;
  const auto unit_of = [&](const Subgraph& subgraph) {
    const auto [at, is_new] = known.try_emplace(subgraph, static_cast<int>(problem.units.size()));
    if (is_new) {
      const Work work = work_of(subgraph);
      problem.units.push_back({subgraph, kind_of(subgraph), work, extents_of(subgraph, work)});
    }
    return at->second;
  };
  // By what was measured: repeats stay in one fold, or the fold's model would have seen them.
  const auto add = [&](Observation row, std::size_t origin, std::uint64_t key) {
    problem.rows.push_back(std::move(row));
    problem.origin.push_back(origin);
    problem.keys.push_back(key);
    problem.folds.push_back(static_cast<int>(
        Random(options.seed, Purpose::split, key).below(static_cast<std::uint64_t>(options.folds))));
  };
  for (const auto& [key, latency, i] : in_order(measured, [](const auto& m) { return m.subgraph.key(); }))
    add({.parts = {{unit_of(measured[i].subgraph), 1}}, .latency_ms = latency}, i, key);
  SubgraphSplitter splitter(accelerator.fusion);
  const auto key_of = [&](const NetworkMeasurement& m) { return network_key(splitter.split(*m.network)); };
  for (const auto& [key, latency, i] : in_order(networks, key_of)) {
    Observation row{.parts = {}, .latency_ms = latency, .network = true};
    for (const SubgraphInstance& instance : splitter.split(*networks[i].network)) {
      const int point = unit_of(instance.subgraph);
      const auto part = std::ranges::find(row.parts, point, &Observation::Part::point);
      if (part == row.parts.end()) {
        row.parts.push_back({point, 1});
      } else {
        part->count += 1;
      }
    }
    if (row.parts.empty()) throw InputError("A measured network holds no operator that takes time.");
    add(std::move(row), i, key);
  }
  return problem;
}

}  // namespace assay
