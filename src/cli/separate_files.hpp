// No result may overwrite what the command reads.
#pragma once

#include "arguments.hpp"

namespace assay::cli {

// Throws InputError when a file that the command writes is one that it reads, or writes with another option,
// under whatever name: links count.
void require_separate_files(const Arguments& arguments);

}  // namespace assay::cli
