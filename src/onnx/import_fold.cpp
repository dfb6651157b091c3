#include "import_fold.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay::onnx_import {

void Budget::charge(std::int64_t steps) {
  left_ -= steps;
  if (left_ < 0) {
    throw InputError(
        "Reading the model takes far more computing with constants than an image network needs. Simplify it "
        "before (for example with onnx-simplifier).");
  }
}

namespace {

ConstantPtr constant_node(const Node& node, const std::string& folder) {
  if (const onnx::TensorProto* tensor = node.tensor("value"))
    return std::make_shared<Constant>(*tensor, folder);
  if (node.has("value_float"))
    return std::make_shared<Constant>(Element::real, Dims{},
                                      std::vector<double>{node.real("value_float", 0)});
  if (node.has("value_int")) {
    return std::make_shared<Constant>(Element::integer, Dims{},
                                      std::vector<double>{static_cast<double>(node.integer("value_int", 0))});
  }
  if (node.has("value_ints")) {
    const auto values = node.integers("value_ints");
    return std::make_shared<Constant>(Element::integer, Dims{static_cast<std::int64_t>(values.size())},
                                      std::vector<double>(values.begin(), values.end()));
  }
  if (node.has("value_floats")) {
    const auto values = node.reals("value_floats");
    return std::make_shared<Constant>(Element::real, Dims{static_cast<std::int64_t>(values.size())},
                                      std::vector<double>(values.begin(), values.end()));
  }
  throw Unsupported{"it holds no dense numbers"};
}

std::vector<ConstantPtr> split(const Node& node, const FoldInputs& inputs, Budget& budget) {
  std::vector<ConstantPtr> parts;
  const Dims& dims = inputs[0]->dims();
  const int axis = axis_of(node, node.integer("axis", 0), static_cast<int>(dims.size()));
  Dims sizes = node.integers("split");
  if (inputs.size() > 1 && inputs[1]) {
    for (const double value : inputs[1]->values()) sizes.push_back(to_integer(value));
  }
  const auto at = static_cast<std::size_t>(axis);
  if (sizes.empty()) {
    const int parts_asked = std::max(1, node.outputs());
    sizes.assign(static_cast<std::size_t>(parts_asked), dims[at] / parts_asked);
  }
  std::int64_t begin = 0;
  std::int64_t inner = 1;
  for (std::size_t i = at + 1; i < dims.size(); ++i) inner *= dims[i];
  const std::vector<double> values = inputs[0]->values();
  for (const std::int64_t size : sizes) {
    if (size < 0 || begin + size > dims[at]) node.fail("its parts are larger than its input");
    Dims part = dims;
    part[at] = size;
    parts.push_back(computed(inputs[0]->type(), part, budget, [&](std::int64_t i) {
      const std::int64_t row = size * inner;
      return values[static_cast<std::size_t>(i / row * dims[at] * inner + begin * inner + i % row)];
    }));
    begin += size;
  }
  return parts;
}

}  // namespace

std::vector<ConstantPtr> fold_node(const Node& node, const FoldInputs& inputs, const std::string& folder,
                                   Budget& budget) {
  const std::string& type = node.type();
  if (type == "Constant") return {constant_node(node, folder)};
  if (inputs.empty() || !inputs[0]) return {};
  for (const ConstantPtr& input : inputs) {
    // Shape and Size look at no values.
    if (input && type != "Shape" && type != "Size") budget.charge(input->count());
  }
  if (type == "Split") return split(node, inputs, budget);
  for (const auto fold : {fold_shape, fold_arithmetic, fold_reduction}) {
    if (ConstantPtr result = fold(node, inputs, budget)) return {std::move(result)};
  }
  return {};
}

int axis_of(const Node& node, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    node.fail(fmt::format("its axis {} is none of a tensor with {} dimensions", axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::optional<std::vector<int>> axes_of(const Node& node, const Constant* input, int rank) {
  Dims axes = node.integers("axes");
  if (input != nullptr) {
    for (const double value : input->values()) axes.push_back(to_integer(value));
  } else if (!node.has("axes")) {
    return std::nullopt;
  }
  std::vector<int> out;
  for (const std::int64_t axis : axes) out.push_back(axis_of(node, axis, rank));
  std::ranges::sort(out);
  if (std::ranges::adjacent_find(out) != out.end()) node.fail("it names an axis twice");
  return out;
}

Dims reshape_target(const Node& node, const Dims& from, const std::vector<double>& asked) {
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  if (asked.size() > most_dims) node.fail(fmt::format("it asks for {} dimensions", asked.size()));
  Dims target;
  std::int64_t known = 1;
  int open = -1;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::int64_t extent = to_integer(asked[i]);
    if (extent == 0 && !zero_is_zero) {
      if (i >= from.size()) node.fail("it copies a dimension that its input does not have");
      extent = from[i];
    }
    if (extent == -1) {
      if (open >= 0) node.fail("it leaves two dimensions open");
      open = static_cast<int>(i);
      extent = 1;
    }
    if (extent < 0) node.fail(fmt::format("it asks for a dimension of {}", extent));
    target.push_back(extent);
  }
  known = count_of(target);
  const std::int64_t count = count_of(from);
  if (open >= 0 && known > 0) {
    target[static_cast<std::size_t>(open)] = count / known;
    known = count_of(target);
  }
  if (known != count) {
    node.fail(fmt::format("it asks {} elements for the shape [{}]", count, fmt::join(asked, ", ")));
  }
  return target;
}

std::vector<int> order_of(const Node& node, int rank) {
  const Dims given = node.integers("perm");
  std::vector<int> order;
  if (given.empty()) {
    for (int i = rank - 1; i >= 0; --i) order.push_back(i);
    return order;
  }
  if (static_cast<int>(given.size()) != rank)
    node.fail(fmt::format("it permutes {} dimensions of a tensor with {}", given.size(), rank));
  std::vector<char> seen(static_cast<std::size_t>(rank), 0);
  for (const std::int64_t axis : given) {
    const int i = axis_of(node, axis, rank);
    if (seen[static_cast<std::size_t>(i)]++ != 0) node.fail("it is no permutation");
    order.push_back(i);
  }
  return order;
}

std::vector<Range> slice_ranges(const Node& node, const Dims& dims, const FoldInputs& inputs) {
  const int rank = static_cast<int>(dims.size());
  const auto list = [&](const char* attribute, std::size_t input) {
    Dims out = node.integers(attribute);
    if (inputs.size() > input && inputs[input]) {
      out.clear();
      for (const double value : inputs[input]->values()) out.push_back(to_integer(value));
    }
    constexpr std::int64_t far = std::int64_t{1} << 60;  // "to the end", and arithmetic with it stays exact
    for (std::int64_t& value : out) value = std::clamp(value, -far, far);
    return out;
  };
  const Dims starts = list("starts", 1), ends = list("ends", 2), axes = list("axes", 3),
             steps = list("steps", 4);
  if (starts.size() != ends.size() || (!axes.empty() && axes.size() != starts.size()) ||
      (!steps.empty() && steps.size() != starts.size()))
    node.fail("its starts, ends, axes and steps are not equally many");
  std::vector<Range> ranges;
  for (const std::int64_t extent : dims) ranges.push_back({0, extent, 1});
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const int axis = axis_of(node, axes.empty() ? static_cast<std::int64_t>(i) : axes[i], rank);
    const std::int64_t extent = dims[static_cast<std::size_t>(axis)];
    const std::int64_t step = steps.empty() ? 1 : steps[i];
    if (step == 0) node.fail("it has a step of 0");
    const auto clamped = [&](std::int64_t at, std::int64_t low, std::int64_t high) {
      return std::clamp(at < 0 ? at + extent : at, low, high);
    };
    Range& range = ranges[static_cast<std::size_t>(axis)];
    range.step = step;
    if (step > 0) {
      range.begin = clamped(starts[i], 0, extent);
      const std::int64_t end = clamped(ends[i], 0, extent);
      range.count = end > range.begin ? (end - range.begin - 1) / step + 1 : 0;
    } else {
      range.begin = clamped(starts[i], -1, extent - 1);
      const std::int64_t end = clamped(ends[i], -1, extent - 1);
      range.count = range.begin > end ? (range.begin - end - 1) / -step + 1 : 0;
    }
  }
  return ranges;
}

}  // namespace assay::onnx_import
