#include "import_graph.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

// Work with constants that every model may ask for, and for each byte of it.
constexpr std::int64_t spare_steps = 1 << 23;
constexpr std::int64_t steps_per_byte = 4;

// What a node reads, and what the subgraphs of a condition or a loop capture.
void add_reads(const onnx::NodeProto& node, std::unordered_set<std::string_view>& read) {
  read.insert(node.input().begin(), node.input().end());
  for (const auto& attribute : node.attribute()) {
    // Messages nest no deeper than protobuf reads them.
    for (const auto& inner : attribute.g().node()) add_reads(inner, read);
  }
}

}  // namespace

std::string text_of(const Dims& dims) {
  return dims.empty() ? "a scalar" : fmt::format("{}", fmt::join(dims, "x"));
}

Graph::Graph(const onnx::GraphProto& proto, int opset, const ImportOptions& options)
    : proto_(proto),
      opset_(opset),
      options_(options),
      bytes_(static_cast<std::int64_t>(proto.ByteSizeLong())),
      budget_(spare_steps + steps_per_byte * bytes_),
      draft_((find_needed_nodes(), read_initialisers(), read_input())) {}

// Nodes stand behind those whose outputs they read, so that one walk from the end finds all that matter.
void Graph::find_needed_nodes() {
  std::vector<std::string> names;
  for (const auto& output : proto_.output()) names.push_back(output.name());
  if (names.empty() && options_.output.empty())
    throw InputError("The model has no outputs. Export it again.");
  const std::string& asked = options_.output;
  if (asked.empty()) {
    for (const auto& output : proto_.output()) read_.insert(output.name());
  } else {
    const auto makes = [&](const onnx::NodeProto& node) {
      return std::ranges::find(node.output(), asked) != node.output().end();
    };
    if (std::none_of(proto_.node().begin(), proto_.node().end(), makes)) {
      throw InputError(
          fmt::format("The model has no tensor \"{}\". Its outputs are: {}.", asked, fmt::join(names, ", ")));
    }
    read_.insert(asked);
  }
  for (int i = proto_.node_size() - 1; i >= 0; --i) {
    const onnx::NodeProto& node = proto_.node(i);
    const auto is_read = [&](const std::string& name) { return !name.empty() && read_.contains(name); };
    if (std::none_of(node.output().begin(), node.output().end(), is_read)) continue;
    add_reads(node, read_);
    nodes_.push_back(&node);
  }
  std::ranges::reverse(nodes_);
}

void Graph::read_initialisers() {
  values_.reserve(static_cast<std::size_t>(proto_.initializer_size() + 2 * proto_.node_size()));
  for (const auto& tensor : proto_.initializer()) {
    const auto constant = std::make_shared<Constant>(tensor, options_.folder, options_.weights);
    if (!values_.try_emplace(tensor.name(), Value{constant, {}}).second) {
      throw InputError(
          fmt::format("There are two initialisers called \"{}\". Export the model again.", tensor.name()));
    }
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL && options_.weights) {
      bytes_ += constant->count();  // at the least
      budget_.grant(steps_per_byte * constant->count());
    }
  }
  if (proto_.sparse_initializer_size() > 0)
    throw InputError("The model has sparse initialisers. Export it with dense ones.");
  for (const auto& info : proto_.value_info()) described_.try_emplace(info.name(), &info);
  for (const auto& info : proto_.output()) described_.try_emplace(info.name(), &info);
}

void Graph::read_nodes() {
  for (const onnx::NodeProto* proto : nodes_) {
    const Node node(*proto, opset_);
    charge(1 + proto->input_size() + proto->output_size() + proto->attribute_size());
    for (const std::string& output : proto->output()) {
      if (!output.empty() && values_.contains(output)) node.fail(fmt::format("\"{}\" is made twice", output));
    }
    try {
      read_node(node);
      node.require_all_read();
    } catch (const Unsupported& unsupported) {
      bridge(node, unsupported.reason);
    }
  }
}

void Graph::read_node(const Node& node) {
  bool unknown = false;
  for (int i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) continue;
    const Value& in = value(node, i);
    unknown = unknown || (!in.constant && !in.view);
  }
  if (unknown) {
    // What comes behind a gap of unknown shape is not a gap of its own.
    for (const std::string& output : node.proto().output()) values_.try_emplace(output);
    for (const auto& attribute : node.proto().attribute()) node.ignore(attribute.name());
    return;
  }
  if (fold(node)) return;
  const std::string& domain = node.proto().domain();
  if (!domain.empty() && domain != "ai.onnx")
    throw Unsupported{fmt::format("it belongs to \"{}\", not to standard ONNX", domain)};
  const Handler handler = handler_of(node.type());
  if (handler == nullptr) throw Unsupported{"a network has no such operator"};
  handler(*this, node);
}

bool Graph::fold(const Node& node) {
  if (!node.proto().domain().empty() && node.proto().domain() != "ai.onnx") return false;
  FoldInputs inputs;
  for (int i = 0; i < node.inputs(); ++i) {
    if (node.has_input(i) && !is_constant(node, i)) return false;
    inputs.push_back(node.has_input(i) ? value(node, i).constant : nullptr);
  }
  const std::vector<ConstantPtr> results = fold_node(node, inputs, options_.folder, budget_);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (node.has_output(static_cast<int>(i))) set(node, results[i], static_cast<int>(i));
  }
  return !results.empty();
}

const Value& Graph::value(const Node& node, int input) const {
  const std::string& name = node.input(input);
  const auto found = values_.find(name);
  if (found == values_.end()) {
    node.fail(
        fmt::format("it reads \"{}\", which neither an input, an initialiser nor a node before it is", name));
  }
  return found->second;
}

bool Graph::is_constant(const Node& node, int input) const {
  return value(node, input).constant != nullptr;
}

ConstantPtr Graph::constant(const Node& node, int input) const {
  const Value& in = value(node, input);
  if (!in.constant) {
    throw Unsupported{
        fmt::format("its input \"{}\" depends on the image, where a constant is needed", node.input(input))};
  }
  return in.constant;
}

std::optional<std::vector<std::int64_t>> Graph::integers(const Node& node, int input) {
  if (!node.has_input(input)) return std::nullopt;
  const ConstantPtr in = constant(node, input);
  charge(in->count());
  std::vector<std::int64_t> out;
  for (const double value : in->values()) out.push_back(to_integer(value));
  return out;
}

std::optional<double> Graph::scalar(const Node& node, int input) {
  if (!node.has_input(input)) return std::nullopt;
  const ConstantPtr in = constant(node, input);
  if (in->count() != 1) node.fail(fmt::format("its input \"{}\" is no single value", node.input(input)));
  return in->values()[0];
}

const View& Graph::view(const Node& node, int input) const {
  const Value& in = value(node, input);
  if (!in.view) throw Unsupported{fmt::format("its input \"{}\" is a constant", node.input(input))};
  return *in.view;
}

void Graph::set(const Node& node, View view, int output) {
  if (view.dims.size() > most_dims) throw Unsupported{"its output has too many dimensions"};
  if (node.has_output(output)) values_[node.proto().output(output)] = {nullptr, std::move(view)};
}

void Graph::set(const Node& node, ConstantPtr constant, int output) {
  if (node.has_output(output)) values_[node.proto().output(output)] = {std::move(constant), {}};
}

int Graph::add_gap(const Node& node, const std::string& reason) {
  const std::string& domain = node.proto().domain();
  gap_nodes_.push_back({domain.empty() ? node.type() : domain + "." + node.type(), node.label(), reason});
  return static_cast<int>(gap_nodes_.size()) - 1;
}

std::vector<std::pair<View, TensorLayout>> Graph::outputs() const {
  std::vector<std::string> names;
  if (!options_.output.empty()) {
    names.push_back(options_.output);
  } else {
    for (const auto& output : proto_.output()) names.push_back(output.name());
  }
  std::vector<std::pair<View, TensorLayout>> views;
  for (const std::string& name : names) {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      throw InputError(
          fmt::format("The model lists \"{}\" as an output, but no node makes it. Export it again.", name));
    }
    if (found->second.constant) {
      throw InputError(fmt::format(
          "The output \"{}\" does not depend on the input. Choose another one with --output-name NAME.",
          name));
    }
    if (!found->second.view) continue;  // behind a gap, which is reported
    View view = *found->second.view;
    const Dim images = whole(Axis::batch, batch_);
    if (view.dims.empty() || view.dims[0] != images) {
      if (batch_ != 1)
        throw InputError(fmt::format(
            "The output \"{}\" mixes images of the batch. Export the model for one image.", name));
      view.dims.insert(view.dims.begin(), images);  // squeezed off
    }
    views.emplace_back(view, layout_of(name, view, draft_.shape(view.id), 0));
  }
  return views;
}

}  // namespace assay::onnx_import
