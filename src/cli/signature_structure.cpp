// Parts of the signature that decide nothing: what files mean, and what networks cost.
#include "assay/accelerator/accelerator.hpp"
#include "assay/base/error.hpp"
#include "assay/base/random.hpp"
#include "assay/estimate/estimator.hpp"
#include "assay/estimate/memory.hpp"
#include "assay/network/executed.hpp"
#include "assay/network/memory.hpp"
#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include "shipped_texts.hpp"
#include "signature.hpp"

#include <array>

namespace assay::cli {
namespace {

// Random candidates of a space, always the same ones.
std::vector<Candidate> candidates_of(const Space& space, std::uint64_t count) {
  std::vector<Candidate> candidates;
  for (std::uint64_t i = 0; i < count; ++i) {
    Random random(1, Purpose::sample, 0, i);
    candidates.push_back(space.sample(random));
  }
  return candidates;
}

// Those of them that can be built.
std::vector<Network> networks_of(const Space& space, std::uint64_t count) {
  std::vector<Network> networks;
  for (const Candidate& candidate : candidates_of(space, count)) {
    try {
      networks.push_back(executed(space.decode(candidate)));
    } catch (const InputError&) {
      continue;  // which ones these are is part of add_space
    }
  }
  return networks;
}

void add_decisions(Signature& signature, const Space& space) {
  signature.add(space.name());
  signature.add(space.fingerprint());
  signature.add(space.size().digits);
  for (const Decision& decision : space.decisions()) {
    signature.add(decision.name);
    for (const std::string& option : decision.options) signature.add(option);
  }
}

// The scores that execute nothing.
ScoreSettings declared_scores() {
  ScoreSettings settings;
  settings.scores.clear();
  for (const ScoreInfo& info : score_registry())
    if (!info.conditions) settings.scores.emplace_back(info.name);
  return settings;
}

}  // namespace

void add_random(Signature& signature) {
  Random random(1, Purpose::weights, 2, 3);
  for (int i = 0; i < 32; ++i) {
    signature.add(random.bits64());
    signature.add(random.below(1'000'003));
  }
  std::array<float, 1024> values;
  random.fill_uniform(values, -1, 1);
  signature.add_bits(values);
  random.fill_rademacher(values);
  signature.add_bits(values);
  random.fill_normal(values, 0, 1);
  signature.add_bits(values);
}

void add_space(Signature& signature, std::string_view name, std::string_view toml) {
  constexpr std::uint64_t candidates = 24;
  const Space space = Space::parse(toml, std::string(name));
  add_decisions(signature, space);
  const Scorer scorer(declared_scores());
  Worker worker;
  for (const Candidate& candidate : candidates_of(space, candidates)) {
    signature.add(to_text(space, candidate));
    try {
      const Network declared = space.decode(candidate);
      const Network network = executed(declared);
      signature.add(fingerprint(declared));
      signature.add(declared.parameters());
      signature.add(declared.macs());
      signature.add(network.parameters());
      signature.add(network.macs());
      signature.add(peak_activation_bytes(network, {}));
      for (const double score : scorer.score(worker, network).values) signature.add(score);
    } catch (const InputError&) {
      signature.add("cannot be built");
    }
  }
}

void add_accelerator(Signature& signature, std::string_view name, std::string_view toml) {
  constexpr std::uint64_t networks = 6;  // of each space
  const Accelerator accelerator = Accelerator::parse(toml, std::string(name));
  signature.add(to_toml(accelerator));
  signature.add(accelerator.fingerprint());
  std::optional<Estimator> estimator;
  try {
    estimator = Estimator::of_cycle_model(accelerator);
  } catch (const InputError&) {
    signature.add(std::string_view("no cycle model"));  // measurements say what the file leaves open
    return;
  }
  for (const ShippedText& text : shipped_spaces()) {
    const Space space = Space::parse(text.toml, std::string(text.name));
    for (const Network& network : networks_of(space, networks)) {
      signature.add(estimator->predict(network).latency_ms);
      signature.add(peak_memory_bytes(accelerator, network));
    }
  }
}

void add_fit(Signature& signature) {
  constexpr std::uint64_t known = 100, asked = 140;
  const Space space = Space::parse(shipped_text(shipped_spaces(), "ibn_fashion"), "ibn_fashion");
  const Accelerator accelerator =
      Accelerator::parse(shipped_text(shipped_accelerators(), "edge_npu_16"), "edge_npu_16");
  const std::vector<Network> networks = networks_of(space, asked);
  const std::span<const Network> all(networks);
  const Estimator estimator = fit_from_networks(accelerator, all.first(known));
  for (const Network& network : all.subspan(known)) {
    const Prediction prediction = estimator.predict(network);
    signature.add(prediction.latency_ms);
    signature.add(prediction.extrapolated);
  }
}

}  // namespace assay::cli
