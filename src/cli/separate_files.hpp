// No result may overwrite what the command reads.
#pragma once

#include "arguments.hpp"

#include <span>
#include <string>

namespace assay::cli {

// Throws InputError when a file that the command writes is one that it reads, or writes with another option,
// under whatever name: links count.
void require_separate_files(const Arguments& arguments);

// The same for files that one of them, `named_by`, names: known only when that has been read.
void require_separate_files(const Arguments& arguments, const std::string& named_by,
                            std::span<const std::string> paths);

}  // namespace assay::cli
