// Manual pages in roff's man macros, made from the declarations that the help is made from.
#pragma once

#include "arguments.hpp"

#include <span>
#include <string>

namespace assay::cli {

// assay(1)
std::string manual_page(std::span<const Command> commands);
// assay-COMMAND(1)
std::string manual_page(const Command& command);

}  // namespace assay::cli
