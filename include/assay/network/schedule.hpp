// The order of operators that keeps least memory alive. Only networks with branches have more than one.
//
// Dynamic programming over the sets of executed operators, as in Liberis and Lane 2019 ("Neural networks on
// microcontrollers: saving memory at inference via operator reordering") and Ahn et al. 2020 ("Ordering
// Chaos: Memory-Aware Scheduling of Irregularly Wired Neural Networks for Edge Devices"): what is alive
// depends on the set alone, not on the order within. The graph is cut at every operator that all others come
// either before or after in any order, and the parts are solved one by one. Sets are kept level by level;
// where there are more than a bound, the worst are dropped and the result is no longer proven.
#pragma once

#include "assay/network/memory.hpp"

#include <cstdint>

namespace assay {

struct Schedule {
  MemoryProfile memory;  // its steps are the order
  std::int64_t declared_peak_bytes = 0;
  // No order of these steps has a lower peak. Otherwise: the best that the bounded search found.
  bool optimal = true;
};

// Never worse than the declared order, which is kept when no lower peak is found. policy.reorder has no
// influence.
Schedule memory_schedule(const Network& network, const MemoryPolicy& policy,
                         const FusedOperators& fused = {});

}  // namespace assay
