#include "cost_model.hpp"

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/network/executed.hpp"

#include <algorithm>

namespace assay::curation {

Network executed_network(const Space& space, const Candidate& candidate) {
  return executed(space.decode(candidate));
}

const std::optional<CandidateCosts>& CostModel::costs(const Candidate& candidate) {
  const std::uint64_t key =
      hash_bytes(candidate.choices.data(), candidate.choices.size() * sizeof(candidate.choices[0]));
  const auto [at, added] = known_.try_emplace(key);
  if (!added) return at->second;
  try {
    const Network declared = space_.decode(candidate);
    const Identity identity = identify(declared);
    std::optional<Network> reduced;
    if (!identity.minimal) reduced = canonical(declared);
    const Network& executed = reduced ? *reduced : declared;
    const Prediction prediction = session_.predict(executed);
    at->second = {identity.fingerprint, executed.parameters(), executed.macs(), prediction.latency_ms,
                  prediction.extrapolated};
  } catch (const InputError&) {
    // Not buildable is a normal outcome here; a space in which nothing can be built is an error of the
    // caller's.
  }
  return at->second;
}

double SubgraphLatencies::operator()(const Subgraph& subgraph) {
  const auto [at, added] = known_.try_emplace(subgraph.key());
  if (added) at->second = estimator_.predict(subgraph).latency_ms;
  return at->second;
}

Candidate draw(const Space& space, std::uint64_t seed, std::uint64_t index) {
  Random random(seed, Purpose::sample, 0, index);
  return space.normalised(space.sample(random));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  const double upper = *middle;
  if (values.size() % 2 == 1) return upper;
  return (upper + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace assay::curation
