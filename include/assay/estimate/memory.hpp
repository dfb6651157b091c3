// Memory of a network on an accelerator.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/network/network.hpp"

#include <cstdint>

namespace assay {

// Peak bytes while the network runs one image, under the accelerator's policy ([memory_counting] of its
// file): live activations of its number format (in-place and fused operators as the file says, see
// MemoryPolicy), plus all parameters where the file counts weights. Not counted: scratch, alignment,
// fragmentation.
std::int64_t peak_memory_bytes(const Accelerator& accelerator, const Network& network);

}  // namespace assay
