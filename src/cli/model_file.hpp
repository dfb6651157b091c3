// One network from a file, whichever format it is in.
#pragma once

#include "assay/network/network.hpp"
#include "assay/network/weights.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

struct ModelFile {
  Network network;
  std::optional<Weights> weights;  // where the file holds them
  std::vector<std::string> notes;  // what was chosen or left out while reading, a sentence each
};

// By the name's ending.
bool is_model_file(std::string_view path);

// Throws InputError naming the file, the place in it and the remedy.
ModelFile load_model(const std::string& path);

}  // namespace assay::cli
