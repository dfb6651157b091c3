// Computes with constants: what exporters leave of shape arithmetic, and weights that are rearranged.
#pragma once

#include "import_constant.hpp"
#include "import_node.hpp"

#include <cstdint>
#include <vector>

namespace assay::onnx_import {

// Bounds the work of reading a model, whatever it asks for: a few bytes can name a tensor of 2^60 ones.
class Budget {
 public:
  explicit Budget(std::int64_t steps) : left_(steps) {}
  void grant(std::int64_t steps) { left_ += steps; }
  // Throws InputError when it is used up.
  void charge(std::int64_t steps);

 private:
  std::int64_t left_;
};

// The outputs of a node all of whose inputs are constants (nullptr: left out). Empty when the operator is not
// one that this computes. Throws InputError for inputs that contradict the standard, and Unsupported.
std::vector<ConstantPtr> fold_node(const Node& node, const std::vector<ConstantPtr>& inputs,
                                   const std::string& folder, Budget& budget);

// --- shared by its parts ---

// Computes `fill(i)` for every element of a result; charges for it first.
template <class Fill>
ConstantPtr computed(Element type, Dims dims, Budget& budget, Fill&& fill) {
  const std::int64_t count = count_of(dims);
  budget.charge(count);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = fill(i);
  return std::make_shared<Constant>(type, std::move(dims), std::move(values));
}

using FoldInputs = std::vector<ConstantPtr>;
// Elementwise operators and reductions; rearrangements. nullptr: not one of them.
ConstantPtr fold_arithmetic(const Node& node, const FoldInputs& inputs, Budget& budget);
ConstantPtr fold_reduction(const Node& node, const FoldInputs& inputs, Budget& budget);
ConstantPtr fold_shape(const Node& node, const FoldInputs& inputs, Budget& budget);

// -1 is the last of `rank` axes. Throws InputError for axes that there are not.
int axis_of(const Node& node, std::int64_t axis, int rank);
// From attribute or input `axes`, sorted; nullopt when there are none.
std::optional<std::vector<int>> axes_of(const Node& node, const Constant* input, int rank);
// The target of a Reshape with its 0 and -1 resolved.
Dims reshape_target(const Node& node, const Dims& from, const std::vector<double>& asked);
Dims flatten_target(const Node& node, const Dims& from);
// With the dimensions of 1 that an Unsqueeze adds; its axes are an input since opset 13.
Dims unsqueezed(const Node& node, const Dims& from, const Constant* axes);
// What Shape gives.
ConstantPtr shape_constant(const Node& node, const Dims& dims);
// The dimension order of a Transpose.
std::vector<int> order_of(const Node& node, int rank);
// Begin, count and step of a Slice along each axis.
struct Range {
  std::int64_t begin = 0, count = 0, step = 1;
};
std::vector<Range> slice_ranges(const Node& node, const Dims& dims, const FoldInputs& inputs);

}  // namespace assay::onnx_import
