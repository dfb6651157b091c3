// Two operands of one elementwise operator.
#pragma once

#include "import_graph.hpp"

namespace assay::onnx_import {

// A constant along a tensor: one value, or one per channel.
struct Spread {
  View view;  // of the tensor, with leading dimensions of 1 where the constant has more
  std::vector<float> values;
};
// Throws Unsupported for constants that differ from pixel to pixel.
Spread constant_for(Graph& graph, const Node& node, int image, int constant);

// Two tensors whose dimensions mean the same axes, and the dimensions of the result.
struct Pair {
  OpId a, b;
  std::vector<Dim> dims;
};
// Throws Unsupported when they do not.
Pair pair_for(Graph& graph, const Node& node, int first, int second);

}  // namespace assay::onnx_import
