// Choosing which subgraphs of some networks to measure: first without knowing anything, then where an
// estimator fitted to what was measured so far errs most.
#pragma once

#include "assay/accelerator/measurement.hpp"
#include "assay/accelerator/subgraph.hpp"
#include "assay/estimate/estimator.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// `count` distinct subgraphs, by kind in proportion to how many distinct ones the networks hold, but a
// minimum of each kind; the smallest and largest of every extent are among them, so that the fit covers the
// networks' range. Where a kind has too few, variations of its sizes fill up, and then other kinds; fewer
// than `count` only where all of the networks' subgraphs are among them. Depends on the set of networks and
// the seed alone.
std::vector<Subgraph> sample_subgraphs(const FusionRules& rules, std::span<const Network* const> networks,
                                       std::size_t count, std::uint64_t seed);

// How far the latency of `subgraph` may be off: half the width of its interval.
double uncertainty_ms(const Estimator& estimator, const Subgraph& subgraph);

// What to measure next: the subgraphs of `networks` that leave their estimates most uncertain, first those
// with the largest share of the summed variance (occurrences times squared uncertainty).
struct HelpfulMeasurement {
  Subgraph subgraph;
  int occurrences = 0;  // in the networks
  double uncertainty_ms = 0;
  double share = 0;  // of the networks' variance, [0, 1]
};
std::vector<HelpfulMeasurement> most_helpful(const Estimator& estimator, std::span<const Network> networks,
                                             std::size_t count);

// Up to `count` of the networks' subgraphs that are not measured yet, at random with a probability that grows
// with their uncertainty and with how often the networks hold them (weighted sampling without replacement,
// Efraimidis and Spirakis 2006: the largest log(u) / weight). Throws InputError when `measured` is too little
// for a fit. Depends on the set of networks, on `measured` and the seed alone.
std::vector<Subgraph> sample_uncertain(const Accelerator& accelerator,
                                       std::span<const Network* const> networks,
                                       std::span<const SubgraphMeasurement> measured, std::size_t count,
                                       std::uint64_t seed);

}  // namespace assay
