// One network from a file, whichever format it is in.
#pragma once

#include "assay/network/network.hpp"
#include "assay/network/weights.hpp"
#include "assay/runtime/runtime.hpp"

#include "arguments.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::cli {

struct ModelFile {
  Network network;
  std::optional<Weights> weights;  // where the file holds them
  std::vector<std::string> notes;  // what was chosen or left out while reading, a sentence each
  std::string gaps = {};           // "2 Einsum, 1 Mish": operators that were left out; empty: none
  // Key and value, for whoever reads a written ONNX file.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

// By the name's ending.
bool is_model_file(std::string_view path);

// How models of others are read; network JSON says everything itself.
struct ModelSettings {
  int channels = 0, height = 0, width = 0;  // where the model leaves its input's size open
  std::string output = {};                  // a tensor of the model; empty: all its outputs
  bool allow_gaps = false;                  // leave operators out that have no counterpart
  bool weights = true;                      // they take longest to read
};

// --input-size, --output-name, --allow-gaps.
OptionGroup model_options();
ModelSettings model_settings(const Arguments& arguments);

// Throws InputError naming the file, the place in it and the remedy.
ModelFile load_model(const std::string& path, const ModelSettings& settings = {});

// How an ONNX file is written; the initialisation is for networks without weights.
struct OnnxSettings {
  int opset = 17;
  Initialisation initialisation = Initialisation::pytorch_default;
  std::uint64_t seed = 1;
};

// Before hours of work whose result only an ONNX file can hold. Throws InputError where this build has none.
void require_onnx();

// FILE.onnx holds weights: the model's own, or random ones, of canonical(network) then. Any other name:
// network JSON; "-" is standard output.
void write_model(const std::string& path, const ModelFile& model, const OnnxSettings& settings = {});

}  // namespace assay::cli
