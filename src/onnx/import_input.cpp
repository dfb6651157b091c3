// The image that a model takes: its size, and in which order its dimensions stand.
#include "assay/base/error.hpp"

#include "import_graph.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

constexpr std::int64_t most_extent = 1 << 20;

// The inputs that are no initialisers and that somebody reads.
std::vector<const onnx::ValueInfoProto*> true_inputs(const onnx::GraphProto& graph,
                                                     const std::unordered_set<std::string_view>& read) {
  std::unordered_set<std::string_view> initialisers;
  for (const auto& tensor : graph.initializer()) initialisers.insert(tensor.name());
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const auto& input : graph.input()) {
    if (!initialisers.contains(input.name()) && read.contains(input.name())) inputs.push_back(&input);
  }
  return inputs;
}

const onnx::ValueInfoProto& only_input(const onnx::GraphProto& graph,
                                       const std::unordered_set<std::string_view>& read) {
  const auto inputs = true_inputs(graph, read);
  if (inputs.size() == 1) return *inputs[0];
  if (inputs.empty())
    throw InputError("No output of the model depends on an input. Export it with its image as an input.");
  std::vector<std::string> names;
  for (const auto* input : inputs) names.push_back(fmt::format("\"{}\"", input->name()));
  throw InputError(
      fmt::format("The model has {} inputs: {}. A network has one, the image. Export the part "
                  "of the model that takes one tensor.",
                  inputs.size(), fmt::join(names, ", ")));
}

// -1: open.
Dims declared_dims(const onnx::ValueInfoProto& input) {
  const auto& type = input.type();
  if (!type.has_tensor_type() || !type.tensor_type().has_shape()) {
    throw InputError(fmt::format("The input \"{}\" has no shape. Export the model with one.", input.name()));
  }
  using Tensor = onnx::TensorProto;
  constexpr std::array numbers = {Tensor::FLOAT,  Tensor::FLOAT16, Tensor::BFLOAT16,
                                  Tensor::DOUBLE, Tensor::UINT8,   Tensor::INT8};
  const int element = type.tensor_type().elem_type();
  if (std::ranges::find(numbers, element) == numbers.end()) {
    throw InputError(
        fmt::format("The input \"{}\" does not hold pixels (its element type is {}). Export a "
                    "model that takes images.",
                    input.name(), element));
  }
  Dims dims;
  for (const auto& dim : type.tensor_type().shape().dim()) {
    const bool open = !dim.has_dim_value() || dim.dim_value() == 0;
    dims.push_back(open ? -1 : dim.dim_value());
    if (!open && (dim.dim_value() < 1 || dim.dim_value() > most_extent)) {
      throw InputError(fmt::format("The input \"{}\" has a dimension of {}. It must lie in 1 .. {}.",
                                   input.name(), dim.dim_value(), most_extent));
    }
  }
  return dims;
}

// Channels come last when the first operator that is not elementwise moves them to the front.
bool is_channels_last(const onnx::GraphProto& graph, const std::string& input) {
  constexpr std::array elementwise = {"Cast", "Identity", "Add", "Sub", "Mul", "Div", "Pad", "Clip"};
  std::unordered_set<std::string_view> same = {input};
  for (const auto& node : graph.node()) {
    const bool reads =
        std::ranges::any_of(node.input(), [&](const auto& name) { return same.contains(name); });
    if (!reads) continue;
    if (node.op_type() == "Transpose") {
      for (const auto& attribute : node.attribute()) {
        constexpr std::array to_front = {0, 3, 1, 2};
        if (attribute.name() == "perm") return std::ranges::equal(attribute.ints(), to_front);
      }
      return false;
    }
    if (std::ranges::find(elementwise, node.op_type()) == elementwise.end()) return false;
    same.insert(node.output().begin(), node.output().end());
  }
  return false;
}

}  // namespace

Shape Graph::read_input() {
  const onnx::ValueInfoProto& input = only_input(proto_, read_);
  Dims dims = declared_dims(input);
  const std::size_t rank = dims.size();
  if (rank < 2 || rank > 4) {
    throw InputError(
        fmt::format("The input \"{}\" has {} dimensions. A network's has 4: batch, channels, "
                    "height and width.",
                    input.name(), rank));
  }
  std::vector<Axis> axes = {Axis::batch, Axis::channel, Axis::height, Axis::width};
  if (rank == 4 && is_channels_last(proto_, input.name())) {
    axes = {Axis::batch, Axis::height, Axis::width, Axis::channel};
    notes_.push_back(fmt::format("The input \"{}\" has its channels last.", input.name()));
  }
  axes.resize(rank);
  // What the model leaves open is taken from the options.
  const auto resolve = [&](std::size_t i, int given, const char* what) {
    if (dims[i] < 0 && given == 0) {
      throw InputError(
          fmt::format("The input \"{}\" ({}) has an open {}. Give the input's size, for example "
                      "--input-size 3x224x224.",
                      input.name(), text_of(dims), what));
    }
    if (dims[i] >= 0 && given != 0 && dims[i] != given) {
      throw InputError(
          fmt::format("The input \"{}\" has a {} of {} that the model fixes; {} was asked for. "
                      "Export the model with an open size.",
                      input.name(), what, dims[i], given));
    }
    if (dims[i] < 0) dims[i] = given;
  };
  for (std::size_t i = 1; i < rank; ++i) {
    if (axes[i] == Axis::channel)
      resolve(i, options_.channels, rank == 2 ? "number of features" : "number of channels");
    if (axes[i] == Axis::height) resolve(i, options_.height, "height");
    if (axes[i] == Axis::width) resolve(i, options_.width, "width");
  }
  batch_ = std::max<std::int64_t>(dims[0], 1);
  dims[0] = batch_;

  Shape shape;
  View view{0, {}};
  for (std::size_t i = 0; i < rank; ++i) {
    const auto extent = static_cast<std::int32_t>(dims[i]);
    if (axes[i] == Axis::channel) shape.channels = extent;
    if (axes[i] == Axis::height) shape.height = extent;
    if (axes[i] == Axis::width) shape.width = extent;
    view.dims.push_back(whole(axes[i], extent));
  }
  input_layout_ = layout_of(input.name(), view, shape, 0);
  values_[input.name()] = {nullptr, std::move(view)};
  return shape;
}

TensorLayout layout_of(const std::string& name, const View& view, Shape shape, std::int64_t offset) {
  TensorLayout layout{.name = name, .dims = extents_of(view), .pieces = {}, .offset = offset};
  for (std::size_t i = 1; i < view.dims.size(); ++i) {
    auto& pieces = layout.pieces.emplace_back();
    for (const Piece& piece : view.dims[i]) {
      const std::int64_t unit = piece.axis == Axis::channel  ? std::int64_t{shape.height} * shape.width
                                : piece.axis == Axis::height ? shape.width
                                                             : 1;
      pieces.push_back({piece.extent, piece.stride * unit});
    }
  }
  return layout;
}

}  // namespace assay::onnx_import
