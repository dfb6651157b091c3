// What goes on behind an operator that has no counterpart.
#include "import_graph.hpp"
#include "import_handlers.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// Operators whose output has the shape of their first input whatever they compute.
bool keeps_shape(std::string_view type) {
  constexpr std::array kinds = {"Abs",
                                "Acos",
                                "Asin",
                                "Atan",
                                "BatchNormalization",
                                "Cast",
                                "Ceil",
                                "Celu",
                                "Clip",
                                "Cos",
                                "Div",
                                "Dropout",
                                "Elu",
                                "Exp",
                                "Floor",
                                "Gelu",
                                "GroupNormalization",
                                "Hardmax",
                                "InstanceNormalization",
                                "LRN",
                                "LayerNormalization",
                                "Log",
                                "LogSoftmax",
                                "LpNormalization",
                                "MeanVarianceNormalization",
                                "Mish",
                                "Mod",
                                "Pow",
                                "QuantizeLinear",
                                "DequantizeLinear",
                                "Reciprocal",
                                "Round",
                                "Selu",
                                "Shrink",
                                "Sign",
                                "Sin",
                                "Softmax",
                                "Softplus",
                                "Softsign",
                                "ThresholdedRelu",
                                "Add",
                                "Mul",
                                "Sub",
                                "Min",
                                "Max",
                                "PRelu"};
  return std::ranges::find(kinds, type) != kinds.end();
}

}  // namespace

// What the model says itself; nullopt when that is no image or feature tensor.
std::optional<Shape> Graph::described_shape(const std::string& tensor, Dims& dims) const {
  const auto found = described_.find(tensor);
  if (found == described_.end() || !found->second->type().has_tensor_type()) return std::nullopt;
  for (const auto& dim : found->second->type().tensor_type().shape().dim()) {
    constexpr std::int64_t most = 1 << 20;
    if (dim.dim_value() > most || dim.dim_value() < 0) return std::nullopt;
    dims.push_back(dim.dim_value());
  }
  if (dims.size() != 2 && dims.size() != 4) return std::nullopt;
  if (std::any_of(dims.begin() + 1, dims.end(), [](std::int64_t extent) { return extent == 0; }))
    return std::nullopt;
  const auto extent = [&](std::size_t i) { return i < dims.size() ? static_cast<std::int32_t>(dims[i]) : 1; };
  return Shape{extent(1), extent(2), extent(3)};
}

void Graph::bridge(const Node& node, const std::string& reason) {
  for (const auto& attribute : node.proto().attribute()) node.ignore(attribute.name());
  const int gap = add_gap(node, reason);
  for (const std::string& output : node.proto().output()) {
    if (!output.empty()) values_.try_emplace(output);
  }
  // Only the first output gets a stand-in: whatever hangs on another one stays unknown.
  const auto& outputs = node.proto().output();
  if (std::any_of(outputs.begin() + std::min(outputs.size(), 1), outputs.end(),
                  [&](const std::string& output) { return read_.contains(output); }))
    unbridged_.push_back(gap);
  std::optional<View> in;
  for (int i = 0; i < node.inputs() && !in; ++i) {
    if (node.has_input(i)) in = value(node, i).view;
  }
  const std::string name = readable_name(node.proto());
  if (in && node.has_output(0) && keeps_shape(node.type())) {
    const OpId id = draft_.stand_in(in->id, Mark::gap, name, gap);
    return set(node, View{id, in->dims});
  }
  Dims dims;
  const auto shape = node.has_output(0) ? described_shape(node.proto().output(0), dims) : std::nullopt;
  if (!in || !shape || draft_.shape(in->id).elements() > 1 << 28) {
    unbridged_.push_back(gap);
    return;
  }
  // Channels by slices or copies, pixels by a resize.
  OpId id = draft_.stand_in(in->id, Mark::gap, name, gap);
  const Shape from = draft_.shape(id);
  if (from.channels < shape->channels) {
    const std::int32_t copies = (shape->channels + from.channels - 1) / from.channels;
    charge(copies);
    id = draft_.add({.op = {.kind = OpKind::concat},
                     .inputs = std::vector<OpId>(static_cast<std::size_t>(copies), id),
                     .name = name,
                     .values = {}});
  }
  if (draft_.shape(id).channels > shape->channels)
    id = draft_.add({.kind = OpKind::slice, .channels = shape->channels}, {id}, name);
  if (draft_.shape(id) != *shape) {
    id = draft_.add({.kind = OpKind::resize, .resize_height = shape->height, .resize_width = shape->width},
                    {id}, name);
  }
  set(node, dims.size() == 4 ? image_view(id, batch_, *shape) : feature_view(id, batch_, *shape));
}

}  // namespace assay::onnx_import
