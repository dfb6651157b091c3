// Memory of a network on an accelerator, for one image, under the policy of the accelerator's file
// ([memory_counting], see MemoryPolicy and spaces/accelerators/README.md).
//
// All of these count elements of accelerator.memory.bytes_per_element, which follows the file's number
// format: assign bytes_per_element(format) to it to count for another data type. Not counted: alignment,
// fragmentation.
#pragma once

#include "assay/accelerator/accelerator.hpp"
#include "assay/network/memory.hpp"
#include "assay/network/network.hpp"
#include "assay/network/schedule.hpp"

#include <cstdint>

namespace assay {

// Learned parameters of every declared operator.
std::int64_t weight_bytes(const Accelerator& accelerator, const Network& network);

// Peak of activations and scratch, plus all weights where the file counts them. Microseconds; where the file
// says `reorder`, what memory_schedule takes.
std::int64_t peak_memory_bytes(const Accelerator& accelerator, const Network& network);

// The same step by step: profile.peak_bytes == peak_memory_bytes.
MemoryProfile memory_profile(const Accelerator& accelerator, const Network& network);

// The operator order of the lowest peak, whatever order the file counts in.
Schedule memory_schedule(const Accelerator& accelerator, const Network& network);

}  // namespace assay
