// Scores random candidates of a space and estimates them on an accelerator: example SPACE.toml ACCELERATOR.toml
#include "assay/estimate/estimator.hpp"
#include "assay/runtime/runtime.hpp"
#include "assay/score/score.hpp"
#include "assay/space/space.hpp"

#include <iostream>

int main(int, char** arguments) {
  const assay::Space space = assay::Space::load(arguments[1]);
  const auto estimator = assay::Estimator::of_cycle_model(assay::Accelerator::load(arguments[2]));
  const assay::Scorer scorer(assay::ScoreSettings{.scores = {"capacity", "signal_propagation"}});
  assay::Worker worker;
  for (std::uint64_t i = 0; i < 3; ++i) {
    assay::Random random(/*seed=*/1, assay::Purpose::sample, /*fingerprint=*/0, i);
    const assay::Candidate candidate = space.sample(random);
    const assay::Network network = space.decode(candidate);
    const assay::ScoreRecord record = scorer.score(worker, network);
    std::cout << estimator.predict(network).latency_ms << " ms, rank score "
              << record.values[0] + record.values[1] << ": " << to_text(space, candidate) << "\n";
  }
}
