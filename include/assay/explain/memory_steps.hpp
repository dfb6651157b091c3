// A memory profile subgraph by subgraph.
#pragma once

#include "assay/network/memory.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// Steps of one subgraph that run in a row as one, with the most that is alive meanwhile. `membership` is that
// of SubgraphSplitter. A subgraph is known by its first operator (`last` equals `op`), a chain that runs in
// strips by both ends.
std::vector<MemoryStep> memory_by_subgraph(std::span<const std::int32_t> membership,
                                           const MemoryProfile& profile);

}  // namespace assay
