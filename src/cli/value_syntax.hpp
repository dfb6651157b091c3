// What may stand behind an option or as an argument, read off its placeholder in the help: "table|csv|json",
// "SPACE.toml | MODEL.onnx", "FILE", "LIST". Help, completion and the look-up of shipped files so agree.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

// What is shipped under names, so that a name does where a file is expected.
struct ShippedKind {
  std::string_view placeholder;  // "ACCELERATOR.toml"
  std::string_view plural;       // "accelerators"
  std::string_view folder;       // below the folder of spaces
  std::string_view ending;       // of the files: the name is what stands before it
};

std::span<const ShippedKind> shipped_kinds();

struct ValueSyntax {
  std::vector<std::string> words;           // literal alternatives
  std::vector<std::string> endings;         // of file names, ".toml"; "" is any file
  std::vector<const ShippedKind*> shipped;  // names that do, too
  bool folder = false;
  bool list = false;   // comma-separated
  bool other = false;  // numbers, texts: nothing that can be counted up
};

// `choices` are words that are too many for the placeholder.
ValueSyntax value_syntax(std::string_view placeholder, std::span<const std::string> choices);

}  // namespace assay::cli
