// Spaces, accelerators and estimators that are called by their names: `assay search ibn_fashion`.
#pragma once

#include "value_syntax.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace assay::cli {

// Where they are looked for, the first that has a name wins: the folder $ASSAY_SPACES, ./spaces, and what was
// installed with the program.
std::vector<std::filesystem::path> shipped_folders();

// All names of one kind, sorted.
std::vector<std::string> shipped_names(const ShippedKind& kind);

// `text` itself where it is a file, looks like one (it has a slash or a dot), or may be something else;
// otherwise the path of the file that is shipped under this name. Throws InputError naming the places looked
// at when there is none. Of a comma-separated list, each part. `place` is what the error begins with.
std::string shipped_path(const ValueSyntax& syntax, const std::string& text, const std::string& place);

}  // namespace assay::cli
