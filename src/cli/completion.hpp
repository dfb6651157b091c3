// Completion scripts for shells, made from the declarations that the help is made from.
#pragma once

#include "arguments.hpp"
#include "value_syntax.hpp"

#include <span>
#include <string>

namespace assay::cli {

std::string bash_completion(std::span<const Command> commands);
std::string zsh_completion(std::span<const Command> commands);

// What a command's arguments may be; "COMMAND" stands for the names of `commands`.
ValueSyntax positional_syntax(const Command& command, std::span<const Command> commands);

}  // namespace assay::cli
