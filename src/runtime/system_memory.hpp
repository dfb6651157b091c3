// How much memory the system leaves to this process.
#pragma once

#include <cstdint>
#include <string>

namespace assay {

// The files of the kernel are read under `root` ("" outside of tests). 0 when it does not say.
std::int64_t available_memory_bytes(const std::string& root);

}  // namespace assay
