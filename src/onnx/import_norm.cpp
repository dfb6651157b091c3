// Normalisations, and softmax.
#include "import_handlers.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// What makes a network's epsilon, where 0 is PyTorch's.
float epsilon_of(const Node& node) {
  const float epsilon = node.real("epsilon", 1e-5f);
  if (!(epsilon >= 0 && epsilon < 1)) node.fail(fmt::format("its epsilon is {}", epsilon));
  constexpr float none = 1e-30f;
  return std::max(epsilon, none);
}

ConstantPtr values_for(Graph& graph, const Node& node, int input, std::int64_t channels) {
  ConstantPtr values = graph.constant(node, input);
  if (values->count() != channels) {
    node.fail(fmt::format("its input \"{}\" has {} values for {} channels", node.input(input),
                          values->count(), channels));
  }
  return values;
}

}  // namespace

void read_batch_norm(Graph& graph, const Node& node) {
  View view = graph.settled(node, 0);
  const Shape shape = graph.shape(view);
  if (view.rank() < 2 || channel_dim(view, shape, 1) != 1)
    throw Unsupported{"the second dimension of its input is not the channels"};
  node.ignore("momentum");
  node.ignore("consumed_inputs");
  if (node.integer("spatial", 1) != 1 && shape.height * shape.width != 1)
    throw Unsupported{"it normalises every pixel by itself"};
  const bool training =
      node.opset() < 7 ? node.integer("is_test", 0) == 0 : node.integer("training_mode", 0) != 0;
  const bool statistics = node.has_output(1) || node.has_output(2);
  if (training || (node.opset() < 14 && statistics))
    throw Unsupported{"it is in training mode; export the model for inference (model.eval())"};
  Norm norm;
  norm.scale = values_for(graph, node, 1, shape.channels);
  norm.shift = values_for(graph, node, 2, shape.channels);
  norm.mean = values_for(graph, node, 3, shape.channels);
  norm.variance = values_for(graph, node, 4, shape.channels);
  view.id = graph.draft().add({.op = {.kind = OpKind::batch_norm, .parameter = epsilon_of(node)},
                               .inputs = {view.id},
                               .name = readable_name(node.proto()),
                               .values = std::move(norm)});
  graph.set(node, std::move(view));
}

void read_layer_norm(Graph& graph, const Node& node) {
  View view = graph.settled(node, 0);
  const int rank = view.rank();
  const int axis = axis_of(node, node.integer("axis", -1), rank);
  node.ignore("stash_type");
  const Shape shape = graph.shape(view);
  if (channel_dim(view, shape, axis) != axis)
    throw Unsupported{"it normalises more or other than the channels"};
  for (int i = axis + 1; i < rank; ++i) {
    if (!view.dims[static_cast<std::size_t>(i)].empty())
      throw Unsupported{"it normalises more than the channels"};
  }
  if (node.has_output(1) || node.has_output(2)) throw Unsupported{"it also gives mean and deviation"};
  Norm norm;
  norm.scale = values_for(graph, node, 1, shape.channels);
  if (node.has_input(2)) norm.shift = values_for(graph, node, 2, shape.channels);
  view.id = graph.draft().add({.op = {.kind = OpKind::layer_norm, .parameter = epsilon_of(node)},
                               .inputs = {view.id},
                               .name = readable_name(node.proto()),
                               .values = std::move(norm)});
  graph.set(node, std::move(view));
}

void read_softmax(Graph& graph, const Node& node) {
  View view = graph.settled(node, 0);
  const int rank = view.rank();
  const bool joins = node.opset() < 13;  // all dimensions from the axis on are one
  const int axis = axis_of(node, node.integer("axis", joins ? 1 : -1), rank);
  const auto is_empty = [](const Dim& dim) { return dim.empty(); };
  const bool rest_is_one = std::all_of(view.dims.begin() + axis + 1, view.dims.end(), is_empty);
  if (channel_dim(view, graph.shape(view), axis) != axis || (joins && !rest_is_one))
    throw Unsupported{"its axis is not the channels"};
  view.id = graph.draft().add({.kind = OpKind::softmax}, {view.id}, readable_name(node.proto()));
  graph.set(node, std::move(view));
}

}  // namespace assay::onnx_import
