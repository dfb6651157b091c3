// Ends of the program that no destructor sees: a signal must leave neither a hidden cursor nor half a block
// behind on the terminal. Also Ctrl-Z, after which the shell has the terminal for a while.
#pragma once

#include <string_view>

namespace assay::cli {

// Writes to standard error at once, as far as it takes it: there is nobody to tell when it does not.
void write_stderr(std::string_view text);

// The same for what draws or removes a block: `rows` stand above the cursor's afterwards, -1: there is no
// block. The first call installs the handlers, for signals that nobody else handles.
void write_block(std::string_view text, int rows);

// Whether the program was suspended since the last call. The block is gone then.
bool was_suspended();

// A handler: removes the block, and lets the signal have its usual effect.
extern "C" void end_by_signal(int number);

}  // namespace assay::cli
