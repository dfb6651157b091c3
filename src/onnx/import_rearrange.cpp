// Operators that only rearrange: they change how a tensor is seen, and make no operator.
#include "import_handlers.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {

void read_identity(Graph& graph, const Node& node) {
  node.ignore("ratio");
  node.ignore("seed");
  if (node.opset() < 7 && node.type() == "Dropout" && node.integer("is_test", 0) == 0)
    throw Unsupported{"it is in training mode"};
  if (node.type() == "Dropout" && node.has_input(2)) {
    const auto training = graph.constant(node, 2)->uniform();
    if (!training || *training != 0)
      throw Unsupported{"it is in training mode; export the model for inference (model.eval())"};
  }
  graph.set(node, graph.view(node, 0));
}

void read_cast(Graph& graph, const Node& node) {
  using Tensor = onnx::TensorProto;
  switch (node.integer("to", 0)) {
    case Tensor::FLOAT:
    case Tensor::FLOAT16:
    case Tensor::BFLOAT16:
    case Tensor::DOUBLE:
      return graph.set(node, graph.view(node, 0));
    default:
      throw Unsupported{"it casts the image's values to whole numbers"};
  }
}

namespace {

void set_reshaped(Graph& graph, const Node& node, const Dims& target) {
  const auto plain = reshaped(graph.view(node, 0), target);
  if (!plain) {
    throw Unsupported{fmt::format("it cuts {} into {} across channels, height and width",
                                  text_of(extents_of(graph.view(node, 0))), text_of(target))};
  }
  graph.set(node, *plain);
}

}  // namespace

void read_reshape(Graph& graph, const Node& node) {
  Dims asked = node.integers("shape");
  std::vector<double> numbers(asked.begin(), asked.end());
  if (node.inputs() > 1) {
    const ConstantPtr shape = graph.constant(node, 1);
    graph.charge(shape->count());
    numbers = shape->values();
  }
  set_reshaped(graph, node, reshape_target(node, extents_of(graph.view(node, 0)), numbers));
}

void read_flatten(Graph& graph, const Node& node) {
  set_reshaped(graph, node, flatten_target(node, extents_of(graph.view(node, 0))));
}

void read_squeeze(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const ConstantPtr input = node.has_input(1) ? graph.constant(node, 1) : nullptr;
  const auto axes = axes_of(node, input.get(), in.rank());
  View out{in.id, {}};
  for (int i = 0; i < in.rank(); ++i) {
    const Dim& dim = in.dims[static_cast<std::size_t>(i)];
    const bool named = axes && std::ranges::binary_search(*axes, i);
    if (named && !dim.empty()) node.fail("it squeezes a dimension that is not 1");
    if (axes ? !named : !dim.empty()) out.dims.push_back(dim);
  }
  graph.set(node, std::move(out));
}

void read_unsqueeze(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const ConstantPtr input = node.has_input(1) ? graph.constant(node, 1) : nullptr;
  set_reshaped(graph, node, unsqueezed(node, extents_of(in), input.get()));
}

void read_transpose(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  graph.set(node, transposed(in, order_of(node, in.rank())));
}

void read_shape(Graph& graph, const Node& node) {
  const Dims extents = extents_of(graph.view(node, 0));
  if (node.type() == "Shape") return graph.set(node, shape_constant(node, extents));
  const std::vector<double> count = {static_cast<double>(count_of(extents))};
  graph.set(node, std::make_shared<Constant>(Element::integer, Dims{}, count));
}

void read_expand(Graph& graph, const Node& node) {
  const View& in = graph.view(node, 0);
  const auto shape = graph.integers(node, 1).value_or(Dims{});
  if (shape.size() > most_dims) node.fail("it asks for too many dimensions");
  View out = in;
  if (shape.size() > out.dims.size())
    out.dims.insert(out.dims.begin(), shape.size() - out.dims.size(), Dim{});
  const Dims extents = extents_of(out);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t own = extents[extents.size() - 1 - i], asked = shape[shape.size() - 1 - i];
    if (asked != 1 && asked != own) throw Unsupported{"it repeats the image's values"};
  }
  graph.set(node, std::move(out));
}

}  // namespace assay::onnx_import
