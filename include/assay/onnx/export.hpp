// Networks as ONNX models, as PyTorch's exporter writes them: the batch dimension is dynamic and called
// "batch", the input is "input" {batch, channels, height, width}, the output is "output" (several:
// "output_0", "output_1" ...), nodes are "/stage1/block1/conv/Conv", parameters "stage1.block1.conv.weight".
#pragma once

#include "assay/network/network.hpp"
#include "assay/network/weights.hpp"

#include <string>
#include <utility>
#include <vector>

namespace assay {

inline constexpr int least_onnx_opset = 14;  // the first with HardSwish
inline constexpr int most_onnx_opset = 17;

struct OnnxExportOptions {
  int opset = most_onnx_opset;
  std::string producer_version;                                    // of assay
  std::vector<std::pair<std::string, std::string>> metadata = {};  // key and value
};

// The bytes of the model. Operators that do not reach the output are left out. `weights` holds every
// parameter tensor of the others, by the operators of `network`.
//
// Throws InputError for what ONNX cannot hold: an opset that is not between the two above, an average pooling
// with dilation, weights of 2 GB or more (protobuf's limit). Throws InternalError for missing weights.
std::string to_onnx(const Network& network, const Weights& weights, const OnnxExportOptions& options = {});

}  // namespace assay
