// What a candidate costs, as the curation sees it: decoded, reduced to what runs, and predicted.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/space/space.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace assay::curation {

struct CandidateCosts {
  std::uint64_t fingerprint = 0;
  std::int64_t params = 0;
  std::int64_t macs = 0;
  double latency_ms = 0;
  bool extrapolated = false;
};

// Remembers what it has seen: descents and steps meet candidates again. One per thread.
class CostModel {
 public:
  CostModel(const Space& space, const Estimator& estimator) : space_(space), session_(estimator) {}

  const Space& space() const { return space_; }
  // Of a normalised candidate; nullopt when it cannot be built.
  const std::optional<CandidateCosts>& costs(const Candidate& candidate);

 private:
  const Space& space_;
  Estimator::Session session_;
  std::unordered_map<std::uint64_t, std::optional<CandidateCosts>> known_;
};

// Latencies of single subgraphs. A prediction may cost more than all else of a comparison, and candidates
// share most of their subgraphs: each is predicted once. One per thread.
class SubgraphLatencies {
 public:
  explicit SubgraphLatencies(const Estimator& estimator)
      : estimator_(estimator), splitter_(estimator.accelerator().fusion) {}

  // Valid until the next call.
  std::span<const SubgraphInstance> split(const Network& network) { return splitter_.split(network); }
  double operator()(const Subgraph& subgraph);

 private:
  const Estimator& estimator_;
  SubgraphSplitter splitter_;
  std::unordered_map<std::uint64_t, double> known_;
};

// The network that runs: without dead and zero operators.
Network executed_network(const Space& space, const Candidate& candidate);

// Candidate number `index` of a seed, uniform over the space.
Candidate draw(const Space& space, std::uint64_t seed, std::uint64_t index);

double median(std::vector<double> values);

}  // namespace assay::curation
