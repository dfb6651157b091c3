// The command line: `assay COMMAND ...`. The only module that prints.
#pragma once

#include <span>
#include <string>

namespace assay {

// Runs one command and returns the exit code: 0 all well; 1 a budget is exceeded (check); 2 wrong usage or
// invalid input; 3 an internal fault; 130 interrupted before there was a result.
int run_command_line(std::span<const std::string> arguments);

}  // namespace assay
