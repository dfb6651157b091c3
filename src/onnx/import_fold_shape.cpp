// Rearrangements of constants.
#include "assay/base/error.hpp"

#include "import_fold.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

Dims strides_of(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

// The result whose element (i, j, ...) is element begin + i a + j b ... of `from`.
ConstantPtr strided(const Constant& from, Dims dims, std::int64_t begin, const Dims& steps, Budget& budget) {
  const std::vector<double> values = from.values();
  const Dims out = dims;
  return computed(from.type(), std::move(dims), budget, [&](std::int64_t i) {
    std::int64_t at = begin;
    for (std::size_t d = out.size(); d-- > 0;) {
      at += i % out[d] * steps[d];
      i /= out[d];
    }
    return values[static_cast<std::size_t>(at)];
  });
}

ConstantPtr with_dims(const ConstantPtr& from, Dims dims, Budget& budget) {
  const std::vector<double> values = from->values();
  return computed(from->type(), std::move(dims), budget,
                  [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
}

const Constant& second(const Node& node, const FoldInputs& inputs) {
  if (inputs.size() < 2 || !inputs[1]) node.fail("its second input is missing");
  return *inputs[1];
}

ConstantPtr concat(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const Dims& first = inputs[0]->dims();
  const int rank = static_cast<int>(first.size());
  const auto axis = static_cast<std::size_t>(axis_of(node, node.integer("axis", 0), rank));
  Dims dims = first;
  dims[axis] = 0;
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < first.size(); ++i) inner *= first[i];
  std::vector<std::vector<double>> parts;
  for (const ConstantPtr& input : inputs) {
    if (!input) node.fail("one of its inputs is missing");
    Dims other = input->dims();
    if (other.size() != first.size()) node.fail("its inputs have different numbers of dimensions");
    dims[axis] += other[axis];
    other[axis] = first[axis];
    if (other != first) node.fail("the shapes of its inputs do not fit together");
    parts.push_back(input->values());
  }
  const std::int64_t count = count_of(dims);
  budget.charge(count);
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(count));
  const std::int64_t rows = count == 0 ? 0 : count / (dims[axis] * inner);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const std::int64_t length = inputs[k]->dims()[axis] * inner;
      out.insert(out.end(), parts[k].begin() + row * length, parts[k].begin() + (row + 1) * length);
    }
  }
  return std::make_shared<Constant>(inputs[0]->type(), std::move(dims), std::move(out));
}

ConstantPtr gather(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const Constant& data = *inputs[0];
  const Constant& indices = second(node, inputs);
  const auto axis =
      static_cast<std::size_t>(axis_of(node, node.integer("axis", 0), static_cast<int>(data.dims().size())));
  Dims dims(data.dims().begin(), data.dims().begin() + static_cast<std::ptrdiff_t>(axis));
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), data.dims().begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.dims().end());
  const std::int64_t extent = data.dims()[axis], inner = strides_of(data.dims())[axis];
  const std::vector<double> values = data.values(), at = indices.values();
  const std::int64_t chosen = indices.count();
  return computed(data.type(), std::move(dims), budget, [&](std::int64_t i) {
    std::int64_t index = to_integer(at[static_cast<std::size_t>(i / inner % chosen)]);
    if (index < 0) index += extent;
    if (index < 0 || index >= extent) node.fail("an index lies outside of its tensor");
    return values[static_cast<std::size_t>((i / inner / chosen * extent + index) * inner + i % inner)];
  });
}

ConstantPtr slice(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const std::vector<Range> ranges = slice_ranges(node, inputs[0]->dims(), inputs);
  Dims dims, steps = strides_of(inputs[0]->dims());
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    begin += ranges[i].begin * steps[i];
    steps[i] *= ranges[i].step;
    dims.push_back(ranges[i].count);
  }
  return strided(*inputs[0], std::move(dims), begin, steps, budget);
}

ConstantPtr transpose(const Node& node, const Constant& from, Budget& budget) {
  const Dims strides = strides_of(from.dims());
  Dims dims, steps;
  for (const int axis : order_of(node, static_cast<int>(from.dims().size()))) {
    dims.push_back(from.dims()[static_cast<std::size_t>(axis)]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  return strided(from, std::move(dims), 0, steps, budget);
}

ConstantPtr expand(const Node& node, const FoldInputs& inputs, Budget& budget) {
  Dims own = inputs[0]->dims(), dims;
  for (const double extent : second(node, inputs).values()) dims.push_back(to_integer(extent));
  const std::size_t rank = std::max(dims.size(), own.size());
  if (rank > most_dims) node.fail("it asks for too many dimensions");
  dims.insert(dims.begin(), rank - dims.size(), 1);
  own.insert(own.begin(), rank - own.size(), 1);
  Dims steps = strides_of(own);
  for (std::size_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) node.fail("it asks for a negative dimension");
    if (dims[i] == 1) dims[i] = own[i];
    if (own[i] == 1) steps[i] = 0;
    if (own[i] != 1 && own[i] != dims[i]) node.fail("its input cannot be expanded to that shape");
  }
  return strided(*inputs[0], std::move(dims), 0, steps, budget);
}

ConstantPtr constant_of_shape(const Node& node, const Constant& shape, Budget& budget) {
  Dims dims;
  for (const double extent : shape.values()) dims.push_back(to_integer(extent));
  double value = 0;
  Element type = Element::real;
  if (const onnx::TensorProto* tensor = node.tensor("value")) {
    const Constant given(*tensor, {});
    if (given.count() != 1) node.fail("its value is no single number");
    value = given.values()[0];
    type = given.type();
  }
  return computed(type, std::move(dims), budget, [&](std::int64_t) { return value; });
}

ConstantPtr range(const Node& node, const FoldInputs& inputs, Budget& budget) {
  double at[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (inputs.size() <= i || !inputs[i] || inputs[i]->count() != 1) node.fail("it needs three numbers");
    at[i] = inputs[i]->values()[0];
  }
  const double count = (at[1] - at[0]) / at[2];
  constexpr double most = 1e12;
  if (!(count < most)) node.fail("it counts without end", "Correct its numbers");
  const std::int64_t n = count > 0
                             ? static_cast<std::int64_t>(count) +
                                   (count > static_cast<double>(static_cast<std::int64_t>(count)) ? 1 : 0)
                             : 0;
  return computed(inputs[0]->type(), {n}, budget,
                  [&](std::int64_t i) { return at[0] + static_cast<double>(i) * at[2]; });
}

Dims squeezed(const Node& node, const FoldInputs& inputs) {
  const Dims& dims = inputs[0]->dims();
  const auto axes =
      axes_of(node, inputs.size() > 1 ? inputs[1].get() : nullptr, static_cast<int>(dims.size()));
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool named = axes && std::ranges::binary_search(*axes, static_cast<int>(i));
    if (named && dims[i] != 1) node.fail("it squeezes a dimension that is not 1");
    if (axes ? !named : dims[i] != 1) out.push_back(dims[i]);
  }
  return out;
}

}  // namespace

ConstantPtr fold_shape(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const std::string& type = node.type();
  const Dims& dims = inputs[0]->dims();
  if (type == "Shape") return shape_constant(node, dims);
  if (type == "Size")
    return std::make_shared<Constant>(Element::integer, Dims{},
                                      std::vector<double>{static_cast<double>(inputs[0]->count())});
  if (type == "Concat") return concat(node, inputs, budget);
  if (type == "Gather") return gather(node, inputs, budget);
  if (type == "Slice") return slice(node, inputs, budget);
  if (type == "Transpose") return transpose(node, *inputs[0], budget);
  if (type == "Expand") return expand(node, inputs, budget);
  if (type == "ConstantOfShape") return constant_of_shape(node, *inputs[0], budget);
  if (type == "Range") return range(node, inputs, budget);
  if (type == "Squeeze") return with_dims(inputs[0], squeezed(node, inputs), budget);
  if (type == "Unsqueeze")
    return with_dims(inputs[0], unsqueezed(node, dims, inputs.size() > 1 ? inputs[1].get() : nullptr),
                     budget);
  if (type == "Reshape")
    return with_dims(inputs[0], reshape_target(node, dims, second(node, inputs).values()), budget);
  if (type == "Flatten") return with_dims(inputs[0], flatten_target(node, dims), budget);
  return nullptr;
}

ConstantPtr shape_constant(const Node& node, const Dims& dims) {
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto at = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const std::int64_t begin = at(node.integer("start", 0)), end = at(node.integer("end", rank));
  std::vector<double> values;
  for (std::int64_t i = begin; i < end; ++i)
    values.push_back(static_cast<double>(dims[static_cast<std::size_t>(i)]));
  return std::make_shared<Constant>(Element::integer, Dims{static_cast<std::int64_t>(values.size())}, values);
}

Dims unsqueezed(const Node& node, const Dims& dims, const Constant* input) {
  const std::size_t added =
      input != nullptr ? static_cast<std::size_t>(input->count()) : node.integers("axes").size();
  if (added + dims.size() > most_dims) node.fail("its output has too many dimensions");
  const auto axes = axes_of(node, input, static_cast<int>(dims.size() + added));
  if (!axes) node.fail("it does not say which dimensions it adds");
  Dims out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < dims.size() + added; ++i)
    out.push_back(std::ranges::binary_search(*axes, static_cast<int>(i)) ? 1 : dims[next++]);
  return out;
}

Dims flatten_target(const Node& node, const Dims& dims) {
  const auto rank = static_cast<std::int64_t>(dims.size());
  std::int64_t axis = node.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) node.fail("its axis lies outside of its input");
  const auto middle = dims.begin() + axis;
  return {count_of({dims.begin(), middle}), count_of({middle, dims.end()})};
}

}  // namespace assay::onnx_import
