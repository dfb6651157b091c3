// The part of the estimator that physics gives: lanes and a non-negative roofline per kind of subgraph.
#pragma once

#include "gaussian_process.hpp"
#include "model.hpp"

#include <span>
#include <vector>

namespace assay {

// The distinct subgraphs of all rows, and what the regressions need of each.
struct Unit {
  Subgraph subgraph;
  SubgraphKind kind = SubgraphKind::convolution;
  Work work;
  Extents extents{};
};

// Chooses lanes (where the file leaves them open) and softness, and fits rooflines. Kinds with enough
// subgraph rows are fitted to these; the others to what the network rows leave for them, all together, for
// which a network's latency is linear in their terms (one face: a maximum would not be). Kinds without either
// use the fallback, which takes all kinds alike. Sets lanes, roofline, fitted and fallback; not the errors
// and ranges.
void fit_rooflines(Rooflines& rooflines, const Accelerator& accelerator, std::span<const Unit> units,
                   std::span<const Observation> rows);
// The same with the lanes that `rooflines` has: for cross-validation.
void refit_rooflines(Rooflines& rooflines, const Accelerator& accelerator, std::span<const Unit> units,
                     std::span<const Observation> rows);

}  // namespace assay
