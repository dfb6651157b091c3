// Operator by operator. A tensor of one pixel may be {batch, channels} or {batch, channels, 1, 1} in ONNX:
// Flatten and linear operators make the former, and whoever needs the other form asks for it.
#include "assay/onnx/export.hpp"

#include "assay/base/error.hpp"

#include "graph_writer.hpp"

#include <array>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::int64_t most_bytes = (std::int64_t{1} << 31) - (std::int64_t{1} << 20);
constexpr float usual_epsilon = 1e-5F;

class Exporter {
 public:
  Exporter(const Network& network, const Weights& weights, onnx::GraphProto& proto)
      : network_(network), proto_(proto), graph_(proto), places_(unique_names(network)) {
    for (const WeightTensor& tensor : weights) weights_[{tensor.op, tensor.role}] = &tensor;
    values_.resize(static_cast<std::size_t>(network.size()));
  }

  void write() {
    const Shape in = network_.input_shape();
    proto_.set_name(network_.title().empty() ? "network" : network_.title());
    GraphWriter::describe(*proto_.add_input(), "input",
                          std::array<std::int64_t, 3>{in.channels, in.height, in.width});
    values_[0] = {"input", false};
    const std::vector<char> live = live_operators();
    for (OpId id = 1; id < network_.size(); ++id)
      if (live[index(id)] != 0 && !is_result(id)) values_[index(id)] = write(id);
    write_outputs();
  }

 private:
  struct Value {
    std::string name;
    bool flat = false;  // {batch, channels}
  };

  static std::size_t index(OpId id) { return static_cast<std::size_t>(id); }

  std::vector<char> live_operators() const {
    std::vector<char> live(index(network_.size()), 0);
    live[index(network_.output())] = 1;
    for (OpId id = network_.output(); id > 0; --id) {
      if (live[index(id)] == 0) continue;
      for (const OpId input : network_.inputs(id)) live[index(input)] = 1;
    }
    return live;
  }

  // Several outputs are outputs of the graph, not an operator.
  bool is_result(OpId id) const { return id == network_.output() && network_.op(id).kind == OpKind::outputs; }

  void write_outputs() {
    const OpId last = network_.output();
    if (!is_result(last)) return write_output("output", last);
    int number = 0;
    for (const OpId id : network_.inputs(last)) write_output(fmt::format("output_{}", number++), id);
  }

  void write_output(const std::string& name, OpId id) {
    const Value& value = values_[index(id)];
    // The last node's output gets the name; one that others read, or that is the input itself, a copy of it.
    if (graph_.last_output() != value.name) graph_.node("Identity", name, {value.name});
    graph_.rename_last_output(name);
    const Shape s = network_.shape(id);
    const std::array<std::int64_t, 3> sizes = {s.channels, s.height, s.width};
    GraphWriter::describe(*proto_.add_output(), name, std::span(sizes).first(value.flat ? 1 : 3));
  }

  const std::string& place(OpId id) const { return places_[index(id)]; }
  const Value& input(OpId id, std::size_t i = 0) const { return values_[index(network_.inputs(id)[i])]; }

  // The input as {batch, channels, height, width}.
  std::string image(OpId id, std::size_t i = 0) {
    const Value value = input(id, i);
    if (!value.flat) return value.name;
    return graph_.node("Unsqueeze", place(id), {value.name, shared_axes("pixel_axes", {2, 3})});
  }

  // The input, of one pixel or of many, as {batch, features}.
  std::string flat(OpId id, std::size_t i = 0) {
    const Value value = input(id, i);
    if (value.flat) return value.name;
    std::string name = graph_.node("Flatten", place(id), {value.name});
    graph_.with("axis", std::int64_t{1});
    return name;
  }

  // An initialiser that several nodes read, made when first asked for.
  std::string shared_axes(const std::string& name, std::initializer_list<std::int64_t> values) {
    if (shared_.insert(name).second) graph_.integers(name, values);
    return name;
  }

  std::string parameter(OpId id, ParameterRole role, std::string_view suffix) {
    return parameter(id, role, suffix, parameter_dims(network_, id, role));
  }
  std::string parameter(OpId id, ParameterRole role, std::string_view suffix,
                        const std::vector<std::int64_t>& dims) {
    const auto found = weights_.find({id, role});
    std::int64_t elements = 1;
    for (const std::int64_t dim : dims) elements *= dim;
    if (found == weights_.end() || static_cast<std::int64_t>(found->second->values.size()) != elements)
      throw InternalError(
          fmt::format("The weights of operator \"{}\" are missing or of another size.", place(id)));
    return graph_.floats(fmt::format("{}.{}", place(id), suffix), dims, found->second->values);
  }

  Value write(OpId id) {
    const Operator& op = network_.op(id);
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::transposed_convolution:
        return {convolution(id, op), false};
      case OpKind::linear: {
        std::vector<std::string> inputs = {flat(id), parameter(id, ParameterRole::weight, "weight")};
        if (op.bias) inputs.push_back(parameter(id, ParameterRole::bias, "bias"));
        std::string name = graph_.node("Gemm", place(id), std::move(inputs));
        graph_.with("transB", std::int64_t{1});
        return {std::move(name), true};
      }
      case OpKind::batch_norm: {
        std::string name = graph_.node("BatchNormalization", place(id),
                                       {input(id).name, parameter(id, ParameterRole::scale, "weight"),
                                        parameter(id, ParameterRole::shift, "bias"),
                                        parameter(id, ParameterRole::running_mean, "running_mean"),
                                        parameter(id, ParameterRole::running_variance, "running_var")});
        graph_.with("epsilon", epsilon(op));
        return {std::move(name), input(id).flat};
      }
      case OpKind::layer_norm:
        return {layer_norm(id, op), input(id).flat};
      case OpKind::activation:
        return {activation(id, op), input(id).flat};
      case OpKind::max_pool:
      case OpKind::average_pool:
        return {pool(id, op), false};
      case OpKind::global_max_pool:
        return {graph_.node("GlobalMaxPool", place(id), {image(id)}), false};
      case OpKind::global_average_pool:
        return {graph_.node("GlobalAveragePool", place(id), {image(id)}), false};
      case OpKind::add:
      case OpKind::multiply:
        return arithmetic(id, op);
      case OpKind::concat:
        return concat(id);
      case OpKind::slice:
        return {graph_.node("Slice", place(id),
                            {input(id).name, graph_.integers(place(id) + ".starts", {op.slice_begin}),
                             graph_.integers(place(id) + ".ends", {op.slice_begin + op.channels}),
                             shared_axes("channel_axis", {1})}),
                input(id).flat};
      case OpKind::flatten:
        return {flat(id), true};
      case OpKind::outputs:
        return joined(id);
      case OpKind::resize:
        return {resize(id, op), false};
      case OpKind::zero:
        return {zero(id), false};
      case OpKind::softmax: {
        std::string name = graph_.node("Softmax", place(id), {input(id).name});
        graph_.with("axis", std::int64_t{1});
        return {std::move(name), input(id).flat};
      }
      case OpKind::channel_shuffle:
        return {shuffle(id, op), false};
      case OpKind::input:
        break;
    }
    throw InternalError(fmt::format("ONNX export does not know the operator {}.", to_string(op.kind)));
  }

  static float epsilon(const Operator& op) { return op.parameter != 0 ? op.parameter : usual_epsilon; }

  std::string convolution(OpId id, const Operator& op) {
    std::vector<std::string> inputs = {image(id), parameter(id, ParameterRole::weight, "weight")};
    if (op.bias) inputs.push_back(parameter(id, ParameterRole::bias, "bias"));
    const Window& w = op.window;
    const bool transposed = op.kind == OpKind::transposed_convolution;
    std::string name = graph_.node(transposed ? "ConvTranspose" : "Conv", place(id), std::move(inputs));
    graph_.with("dilations", {w.dilation_h, w.dilation_w}).with("group", std::int64_t{op.groups});
    window(w);
    if (transposed && (w.pad_bottom < 0 || w.pad_right < 0))
      graph_.with("output_padding", {std::max(-w.pad_bottom, 0), std::max(-w.pad_right, 0)});
    return name;
  }

  // Kernel, padding and stride of the node made last.
  void window(const Window& w) {
    graph_.with("kernel_shape", {w.kernel_h, w.kernel_w})
        .with("pads", {w.pad_top, w.pad_left, std::max(w.pad_bottom, 0), std::max(w.pad_right, 0)})
        .with("strides", {w.stride_h, w.stride_w});
  }

  std::string pool(OpId id, const Operator& op) {
    const Window& w = op.window;
    const bool max = op.kind == OpKind::max_pool;
    const bool dilated = w.dilation_h != 1 || w.dilation_w != 1;
    if (!max && dilated) {
      throw InputError(
          fmt::format("Operator \"{}\" cannot be written as ONNX: an average pooling has no dilation there "
                      "before opset 19. "
                      "Choose a dilation of 1.",
                      place(id)));
    }
    std::string name = graph_.node(max ? "MaxPool" : "AveragePool", place(id), {image(id)});
    window(w);
    if (max && dilated) graph_.with("dilations", {w.dilation_h, w.dilation_w});
    if (op.count_include_pad) graph_.with("count_include_pad", std::int64_t{1});
    return name;
  }

  std::string activation(OpId id, const Operator& op) {
    const std::string& at = place(id);
    const std::string x = input(id).name;
    const auto constant = [&](const char* suffix, float value) {
      return graph_.scalar(fmt::format("{}.{}", at, suffix), value);
    };
    switch (op.activation) {
      case Activation::relu:
        return graph_.node("Relu", at, {x});
      case Activation::relu6:
        return graph_.node("Clip", at, {x, constant("min", 0), constant("max", 6)});
      case Activation::leaky_relu: {
        std::string name = graph_.node("LeakyRelu", at, {x});
        graph_.with("alpha", op.parameter);
        return name;
      }
      case Activation::h_swish:
        return graph_.node("HardSwish", at, {x});
      case Activation::h_sigmoid: {
        std::string name = graph_.node("HardSigmoid", at, {x});
        graph_.with("alpha", 1.0F / 6).with("beta", 0.5F);
        return name;
      }
      case Activation::silu:
        return graph_.node("Mul", at, {x, graph_.node("Sigmoid", at, {x})});
      case Activation::sigmoid:
        return graph_.node("Sigmoid", at, {x});
      case Activation::tanh:
        return graph_.node("Tanh", at, {x});
      case Activation::gelu: {
        const std::string scaled = graph_.node("Div", at, {x, constant("sqrt_2", std::sqrt(2.0F))});
        const std::string erf = graph_.node("Erf", at, {scaled});
        const std::string gate = graph_.node("Add", at, {erf, constant("one", 1)});
        return graph_.node("Mul", at, {graph_.node("Mul", at, {x, gate}), constant("half", 0.5F)});
      }
    }
    throw InternalError("ONNX export does not know an activation.");
  }

  // Opset 17 has LayerNormalization, but over the last dimensions only.
  std::string layer_norm(OpId id, const Operator& op) {
    const std::string& at = place(id);
    const auto mean = [&](const std::string& x) {
      std::string name = graph_.node("ReduceMean", at, {x});
      graph_.with("axes", {1}).with("keepdims", std::int64_t{1});
      return name;
    };
    const std::string x = input(id).name;
    std::vector<std::int64_t> dims = {network_.shape(id).channels};
    if (!input(id).flat) dims.insert(dims.end(), {1, 1});
    const std::string centred = graph_.node("Sub", at, {x, mean(x)});
    const std::string variance = mean(graph_.node("Mul", at, {centred, centred}));
    const std::string sum = graph_.node("Add", at, {variance, graph_.scalar(at + ".eps", epsilon(op))});
    const std::string unit = graph_.node("Div", at, {centred, graph_.node("Sqrt", at, {sum})});
    const std::string scaled =
        graph_.node("Mul", at, {unit, parameter(id, ParameterRole::scale, "weight", dims)});
    return graph_.node("Add", at, {scaled, parameter(id, ParameterRole::shift, "bias", dims)});
  }

  // Flat only where all inputs are: {batch, c} with {batch, c, h, w} would broadcast along the wrong axes.
  Value arithmetic(OpId id, const Operator& op) {
    const bool flat = all_flat(id);
    std::vector<std::string> terms = inputs(id, flat);
    const char* const type = op.kind == OpKind::multiply ? "Mul" : terms.size() == 2 ? "Add" : "Sum";
    return {graph_.node(type, place(id), std::move(terms)), flat};
  }

  bool all_flat(OpId id) const {
    for (const OpId from : network_.inputs(id))
      if (!values_[index(from)].flat) return false;
    return true;
  }

  std::vector<std::string> inputs(OpId id, bool flat) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < network_.inputs(id).size(); ++i)
      names.push_back(flat ? input(id, i).name : image(id, i));
    return names;
  }

  Value concat(OpId id) {
    const bool flat = all_flat(id);
    std::string name = graph_.node("Concat", place(id), inputs(id, flat));
    graph_.with("axis", std::int64_t{1});
    return {std::move(name), flat};
  }

  // Several results that something else reads.
  Value joined(OpId id) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < network_.inputs(id).size(); ++i) parts.push_back(flat(id, i));
    std::string name = graph_.node("Concat", place(id), std::move(parts));
    graph_.with("axis", std::int64_t{1});
    return {std::move(name), true};
  }

  std::string resize(OpId id, const Operator& op) {
    const Shape in = network_.shape(network_.inputs(id)[0]), out = network_.shape(id);
    const std::array scales = {1.0F, 1.0F, static_cast<float>(out.height) / static_cast<float>(in.height),
                               static_cast<float>(out.width) / static_cast<float>(in.width)};
    // A rounded factor may miss the size, and the pixels at the edges between two.
    const auto exact = [](float scale, int from, int to) { return double{scale} * from == to; };
    std::vector<std::string> inputs = {image(id), ""};
    if (exact(scales[2], in.height, out.height) && exact(scales[3], in.width, out.width)) {
      inputs.push_back(graph_.floats(place(id) + ".scales", {4}, scales));
    } else {
      inputs.insert(inputs.end(), {"", sizes(id)});
    }
    std::string name = graph_.node("Resize", place(id), std::move(inputs));
    const bool nearest = op.resize_mode == ResizeMode::nearest || op.resize_mode == ResizeMode::nearest_floor;
    graph_.with("mode", nearest ? "nearest" : "linear");
    switch (op.resize_mode) {
      case ResizeMode::nearest:
        graph_.with("coordinate_transformation_mode", "half_pixel").with("nearest_mode", "round_prefer_ceil");
        break;
      case ResizeMode::nearest_floor:
        graph_.with("coordinate_transformation_mode", "asymmetric").with("nearest_mode", "floor");
        break;
      case ResizeMode::bilinear:
        graph_.with("coordinate_transformation_mode", "half_pixel");
        break;
      case ResizeMode::bilinear_align_corners:
        graph_.with("coordinate_transformation_mode", "align_corners");
        break;
    }
    return name;
  }

  std::string zero(OpId id) { return graph_.node("ConstantOfShape", place(id), {sizes(id)}); }

  // The shape of the operator's output, {batch, channels, height, width}, whatever the batch is.
  std::string sizes(OpId id) {
    const Shape out = network_.shape(id);
    const std::string& at = place(id);
    const std::string shape = graph_.node("Shape", at, {input(id).name});
    const std::string batch = graph_.node("Gather", at, {shape, shared_axes("batch_axis", {0})});
    std::string name = graph_.node(
        "Concat", at, {batch, graph_.integers(at + ".sizes", {out.channels, out.height, out.width})});
    graph_.with("axis", std::int64_t{0});
    return name;
  }

  std::string shuffle(OpId id, const Operator& op) {
    const Shape s = network_.shape(id);
    const std::string& at = place(id);
    const std::string apart = graph_.node(
        "Reshape", at,
        {image(id),
         graph_.integers(at + ".groups", {0, op.groups, s.channels / op.groups, s.height, s.width})});
    const std::string swapped = graph_.node("Transpose", at, {apart});
    graph_.with("perm", {0, 2, 1, 3, 4});
    return graph_.node("Reshape", at,
                       {swapped, graph_.integers(at + ".shape", {0, s.channels, s.height, s.width})});
  }

  const Network& network_;
  onnx::GraphProto& proto_;
  GraphWriter graph_;
  std::vector<std::string> places_;
  std::map<std::pair<OpId, ParameterRole>, const WeightTensor*> weights_;
  std::vector<Value> values_;
  std::set<std::string> shared_;
};

}  // namespace

std::string to_onnx(const Network& network, const Weights& weights, const OnnxExportOptions& options) {
  if (options.opset < least_onnx_opset || options.opset > most_onnx_opset) {
    throw InputError(fmt::format("ONNX opset {} is not written. Choose one from {} to {}.", options.opset,
                                 least_onnx_opset, most_onnx_opset));
  }
  std::int64_t bytes = 0;
  for (const WeightTensor& tensor : weights)
    bytes += static_cast<std::int64_t>(tensor.values.size() * sizeof(float));
  if (bytes > most_bytes) {
    throw InputError(fmt::format("\"{}\": its weights take {:.1f} GB, but an ONNX file holds less than 2 GB.",
                                 network.title(), static_cast<double>(bytes) / 1e9));
  }
  onnx::ModelProto model;
  // What PyTorch writes for these opsets.
  constexpr int first_ir = 7, later_ir = 8;
  model.set_ir_version(options.opset < 15 ? first_ir : later_ir);
  model.set_producer_name("assay");
  model.set_producer_version(options.producer_version);
  for (const auto& [key, value] : options.metadata) {
    onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  model.add_opset_import()->set_version(options.opset);
  Exporter(network, weights, *model.mutable_graph()).write();
  std::string text;
  if (!model.SerializeToString(&text))
    throw InternalError(fmt::format("The ONNX model of \"{}\" could not be serialised.", network.title()));
  return text;
}

}  // namespace assay
