// Space and accelerator files as they were when the program was built, so that what they mean to it can be
// looked at wherever it runs.
#pragma once

#include <span>
#include <string_view>

namespace assay::cli {

struct ShippedText {
  std::string_view name;  // "ibn_fashion"
  std::string_view toml;
};

// By name.
std::span<const ShippedText> shipped_spaces();
std::span<const ShippedText> shipped_accelerators();
// Throws InternalError for a name that is not there.
std::string_view shipped_text(std::span<const ShippedText> texts, std::string_view name);

}  // namespace assay::cli
