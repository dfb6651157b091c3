// ONNX image networks, as exported by PyTorch, Keras and tf2onnx, as Networks with their weights.
//
// A model's tensors are either constants, which are computed while the model is read, or rearrangements of an
// operator's output, which cost nothing until an operator needs another layout: channels-last models, channel
// shuffles and reshapes before a classifier need no operators of their own.
#pragma once

#include "assay/network/network.hpp"
#include "assay/network/weights.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

inline constexpr int least_imported_opset = 6;
inline constexpr int most_imported_opset = 17;  // later ones are read as this one, and a note says so

struct ImportOptions {
  // Sizes of the input where the model leaves them open; 0: none given.
  int channels = 0;
  int height = 0, width = 0;
  // A tensor of the model by its name; empty: all outputs of the model.
  std::string output = {};
  // Reading goes on behind operators that have no counterpart, see ImportGap.
  bool allow_gaps = false;
  // Without them nothing is decoded or computed that shapes do not depend on.
  bool weights = true;
  // Folder of external data; import_onnx(path) takes that of the model. Empty: there is none.
  std::string folder = {};
};

// A kind of operator that has no counterpart. Where the shape of its output is known, a stand-in that costs
// nothing (nothing at all, or a slice, copy or resize where shapes differ) takes its place.
struct ImportGap {
  std::string kind;    // "Einsum"
  int count = 0;       // of nodes
  std::string node;    // the first one
  std::string reason;  // of the first one, a sentence
};

// How a tensor of the model lies in the network's tensor of one image: element (i, j, ...) of dimensions dims
// is at offset + the sum over all pieces. A dimension that is several pieces counts the last one fastest.
struct TensorLayout {
  struct Piece {
    std::int64_t extent = 1, stride = 0;
  };
  std::string name;
  std::vector<std::int64_t> dims;          // the batch first, as the model has it (1: open)
  std::vector<std::vector<Piece>> pieces;  // of each dimension but the first
  std::int64_t offset = 0;

  std::int64_t elements() const;  // of one image
  // Offsets of all elements of one image, in the order of the model.
  std::vector<std::int64_t> offsets() const;
};

struct ImportedModel {
  Network network;
  std::optional<Weights> weights;  // by the operators of `network`
  TensorLayout input;
  std::vector<TensorLayout> outputs;
  std::vector<ImportGap> gaps;
  std::vector<std::string> notes;  // what was chosen while reading, a sentence each
  std::vector<std::pair<std::string, std::string>> metadata;  // the model's own, key and value
};

// Throws InputError naming the file, the node, the cause and the remedy: for what is no ONNX model, for
// models with several inputs, and, unless gaps are allowed, for operators that have no counterpart, all of
// them at once. Whatever the bytes, it ends so, in time and memory that are proportional to the file.
ImportedModel import_onnx(const std::string& path, const ImportOptions& options = {});
// `source` names the model in messages and gives the network its title.
ImportedModel import_onnx(std::span<const char> bytes, const std::string& source,
                          const ImportOptions& options = {});

}  // namespace assay
