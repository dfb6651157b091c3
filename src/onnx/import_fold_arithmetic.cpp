// Elementwise operators and reductions over constants.
#include "assay/base/error.hpp"

#include "import_fold.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace assay::onnx_import {
namespace {

using Unary = double (*)(double);
using Binary = double (*)(double, double);

struct BinaryOperator {
  Binary function;
  bool comparison = false;
};

const std::unordered_map<std::string_view, Unary>& unary_operators() {
  static const std::unordered_map<std::string_view, Unary> all = {
      {"Identity", [](double x) { return x; }},
      {"Neg", [](double x) { return -x; }},
      {"Abs", [](double x) { return std::abs(x); }},
      {"Sqrt", [](double x) { return std::sqrt(x); }},
      {"Floor", [](double x) { return std::floor(x); }},
      {"Ceil", [](double x) { return std::ceil(x); }},
      {"Round", [](double x) { return std::nearbyint(x); }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Log", [](double x) { return std::log(x); }},
      {"Reciprocal", [](double x) { return 1 / x; }},
      {"Relu", [](double x) { return std::max(x, 0.0); }},
      {"Not", [](double x) { return x == 0 ? 1.0 : 0.0; }},
  };
  return all;
}

const std::unordered_map<std::string_view, BinaryOperator>& binary_operators() {
  static const std::unordered_map<std::string_view, BinaryOperator> all = {
      {"Add", {[](double a, double b) { return a + b; }}},
      {"Sub", {[](double a, double b) { return a - b; }}},
      {"Mul", {[](double a, double b) { return a * b; }}},
      {"Div", {[](double a, double b) { return a / b; }}},
      {"Pow", {[](double a, double b) { return std::pow(a, b); }}},
      {"Min", {[](double a, double b) { return std::min(a, b); }}},
      {"Max", {[](double a, double b) { return std::max(a, b); }}},
      {"Sum", {[](double a, double b) { return a + b; }}},
      {"Equal", {[](double a, double b) { return a == b ? 1.0 : 0.0; }, true}},
      {"Greater", {[](double a, double b) { return a > b ? 1.0 : 0.0; }, true}},
      {"Less", {[](double a, double b) { return a < b ? 1.0 : 0.0; }, true}},
      {"GreaterOrEqual", {[](double a, double b) { return a >= b ? 1.0 : 0.0; }, true}},
      {"LessOrEqual", {[](double a, double b) { return a <= b ? 1.0 : 0.0; }, true}},
      {"And", {[](double a, double b) { return a != 0 && b != 0 ? 1.0 : 0.0; }, true}},
      {"Or", {[](double a, double b) { return a != 0 || b != 0 ? 1.0 : 0.0; }, true}},
  };
  return all;
}

Dims broadcast(const Node& node, const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {  // from the last dimension
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) node.fail("the shapes of its inputs do not fit together");
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

// Where element i of a tensor of `out` lies in one of `dims` that is broadcast to it.
std::size_t source_of(std::int64_t i, const Dims& out, const Dims& dims) {
  std::int64_t at = 0, stride = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const std::int64_t extent = out[out.size() - 1 - d];
    const std::int64_t own = dims[dims.size() - 1 - d];
    if (own != 1) {
      at += i % extent * stride;
      stride *= own;
    }
    i /= extent;
  }
  return static_cast<std::size_t>(at);
}

Element cast_target(const Node& node) {
  using Tensor = onnx::TensorProto;
  switch (node.integer("to", 0)) {
    case Tensor::FLOAT:
    case Tensor::DOUBLE:
    case Tensor::FLOAT16:
    case Tensor::BFLOAT16:
      return Element::real;
    case Tensor::BOOL:
      return Element::boolean;
    case Tensor::INT8:
    case Tensor::INT16:
    case Tensor::INT32:
    case Tensor::INT64:
    case Tensor::UINT8:
    case Tensor::UINT16:
    case Tensor::UINT32:
    case Tensor::UINT64:
      return Element::integer;
    default:
      throw Unsupported{"it casts to a type that holds no numbers"};
  }
}

double truncated(double value) {
  return std::trunc(value);
}

// (x - zero point) scale, of the tensor or of each slice along an axis.
ConstantPtr dequantized(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const Constant& x = *inputs[0];
  if (inputs.size() < 2 || !inputs[1]) node.fail("its scale is missing");
  const std::vector<double> values = x.values(), scales = inputs[1]->values();
  std::vector<double> zeros(scales.size(), 0);
  if (inputs.size() > 2 && inputs[2]) zeros = inputs[2]->values();
  const std::int64_t axis = node.integer("axis", 1);
  std::int64_t slices = 1, inner = 1;
  if (scales.size() != 1) {
    const auto at = static_cast<std::size_t>(axis_of(node, axis, static_cast<int>(x.dims().size())));
    slices = x.dims()[at];
    for (std::size_t i = at + 1; i < x.dims().size(); ++i) inner *= x.dims()[i];
  }
  if (static_cast<std::int64_t>(scales.size()) != slices || zeros.size() != scales.size())
    node.fail("its scales or zero points are not as many as its axis is long");
  return computed(Element::real, x.dims(), budget, [&](std::int64_t i) {
    const auto slice = static_cast<std::size_t>(i / inner % slices);
    return (values[static_cast<std::size_t>(i)] - zeros[slice]) * scales[slice];
  });
}

}  // namespace

ConstantPtr fold_arithmetic(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const Constant& first = *inputs[0];
  if (node.type() == "Cast") {
    const Element to = cast_target(node);
    const std::vector<double> values = first.values();
    return computed(to, first.dims(), budget, [&](std::int64_t i) {
      const double value = values[static_cast<std::size_t>(i)];
      return to == Element::real ? value : to == Element::boolean ? (value != 0 ? 1 : 0) : truncated(value);
    });
  }
  if (node.type() == "DequantizeLinear") return dequantized(node, inputs, budget);
  if (const auto found = unary_operators().find(node.type()); found != unary_operators().end()) {
    if (node.type() == "Identity") return inputs[0];
    const std::vector<double> values = first.values();
    return computed(first.type(), first.dims(), budget,
                    [&](std::int64_t i) { return found->second(values[static_cast<std::size_t>(i)]); });
  }
  if (node.type() == "Where") {
    if (inputs.size() != 3 || !inputs[1] || !inputs[2]) node.fail("it needs three inputs");
    const Dims dims = broadcast(node, broadcast(node, first.dims(), inputs[1]->dims()), inputs[2]->dims());
    const std::vector<double> choice = first.values(), a = inputs[1]->values(), b = inputs[2]->values();
    return computed(inputs[1]->type(), dims, budget, [&](std::int64_t i) {
      return choice[source_of(i, dims, first.dims())] != 0 ? a[source_of(i, dims, inputs[1]->dims())]
                                                           : b[source_of(i, dims, inputs[2]->dims())];
    });
  }
  const auto found = binary_operators().find(node.type());
  if (found == binary_operators().end()) return nullptr;
  ConstantPtr result = inputs[0];
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    if (!inputs[k]) node.fail("one of its inputs is missing");
    const Constant& left = *result;
    const Constant& right = *inputs[k];
    const Dims dims = broadcast(node, left.dims(), right.dims());
    const std::vector<double> a = left.values(), b = right.values();
    const bool whole = left.type() == Element::integer && node.type() == "Div";
    result = computed(
        found->second.comparison ? Element::boolean : left.type(), dims, budget, [&](std::int64_t i) {
          const double value =
              found->second.function(a[source_of(i, dims, left.dims())], b[source_of(i, dims, right.dims())]);
          return whole ? truncated(value) : value;
        });
  }
  return result;
}

ConstantPtr fold_reduction(const Node& node, const FoldInputs& inputs, Budget& budget) {
  const std::string& type = node.type();
  const bool product = type == "ReduceProd", sum = type == "ReduceSum", mean = type == "ReduceMean";
  const bool largest = type == "ReduceMax", smallest = type == "ReduceMin";
  if (!product && !sum && !mean && !largest && !smallest) return nullptr;
  const Constant& in = *inputs[0];
  const int rank = static_cast<int>(in.dims().size());
  auto axes = axes_of(node, inputs.size() > 1 ? inputs[1].get() : nullptr, rank);
  if (!axes || axes->empty()) {
    if (node.integer("noop_with_empty_axes", 0) != 0) return inputs[0];
    axes.emplace();
    for (int i = 0; i < rank; ++i) axes->push_back(i);
  }
  const bool keep = node.integer("keepdims", 1) != 0;
  Dims dims, kept = in.dims();
  std::int64_t count = 1;
  for (const int axis : *axes) {
    count *= kept[static_cast<std::size_t>(axis)];
    kept[static_cast<std::size_t>(axis)] = 1;
  }
  for (int i = 0; i < rank; ++i) {
    if (keep || !std::ranges::binary_search(*axes, i)) dims.push_back(kept[static_cast<std::size_t>(i)]);
  }
  if (count == 0) throw Unsupported{"it reduces no elements"};
  const double start = product    ? 1
                       : largest  ? -std::numeric_limits<double>::infinity()
                       : smallest ? std::numeric_limits<double>::infinity()
                                  : 0;
  const ConstantPtr initial = computed(in.type(), kept, budget, [&](std::int64_t) { return start; });
  std::vector<double> results = initial->values();
  const std::vector<double> values = in.values();
  for (std::size_t i = 0; i < values.size(); ++i) {
    double& result = results[source_of(static_cast<std::int64_t>(i), in.dims(), kept)];
    const double value = values[i];
    result = product    ? result * value
             : largest  ? std::max(result, value)
             : smallest ? std::min(result, value)
                        : result + value;
  }
  if (mean) {
    for (double& result : results) result /= static_cast<double>(count);
  }
  return std::make_shared<Constant>(in.type(), std::move(dims), std::move(results));
}

}  // namespace assay::onnx_import
