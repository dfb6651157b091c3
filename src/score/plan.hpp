// Which passes a set of scores needs: scores with equal conditions share one.
#pragma once

#include "probe.hpp"

#include <string>
#include <vector>

namespace assay {

// One compiled network, its forward pass(es) and at most one backward pass. `conditions` is the union of what
// its scores ask for.
struct Pass {
  ScoreConditions conditions;
  std::vector<MakeProbe> probes;  // distinct
};

struct PlannedScore {
  const ScoreEntry* entry = nullptr;
  std::size_t pass = 0, probe = 0;  // where it reads its value; unused where nothing is executed
};

struct Plan {
  std::vector<Pass> passes;
  std::vector<PlannedScore> scores;  // in the order asked for
};

// Scores that look at the forward pass only join a pass that runs backward anyway, where there is one under
// the same conditions; the cheapest of them. The names must be known.
Plan make_plan(std::span<const std::string> scores);

}  // namespace assay
