// Walks the nodes of a graph in order and keeps what each tensor is.
#pragma once

#include "assay/onnx/import.hpp"

#include "import_draft.hpp"
#include "import_fold.hpp"
#include "import_node.hpp"
#include "import_view.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace assay::onnx_import {

// A tensor of the ONNX graph: one of the two, or neither when nobody knows its shape (behind a gap).
struct Value {
  ConstantPtr constant;
  std::optional<View> view;
};

// A node without counterpart.
struct GapNode {
  std::string kind, node, reason;
};

class Graph {
 public:
  Graph(const onnx::GraphProto& proto, int opset, const ImportOptions& options);

  void read_nodes();

  // --- for the operators' handlers ---
  Draft& draft() { return draft_; }
  std::int64_t batch() const { return batch_; }
  // Throws InputError when reading the model takes more work than its size explains.
  void charge(std::int64_t steps) { budget_.charge(steps); }

  bool is_constant(const Node& node, int input) const;
  // Throws Unsupported when the input depends on the network's input.
  ConstantPtr constant(const Node& node, int input) const;
  // The values of a small constant; nullopt when the input is left out.
  std::optional<std::vector<std::int64_t>> integers(const Node& node, int input);
  std::optional<double> scalar(const Node& node, int input);
  // Throws Unsupported for constants.
  const View& view(const Node& node, int input) const;
  Shape shape(const View& view) const { return draft_.shape(view.id); }

  // An operator's output in the layout that is asked for; throws Unsupported when no operator of a network
  // brings it there.
  OpId image(const Node& node, int input);     // {batch, channels, height, width}
  OpId features(const Node& node, int input);  // {batch, features}
  // With every dimension one whole axis, or empty, where that is possible.
  const View& settled(const Node& node, int input);

  void set(const Node& node, View view, int output = 0);
  void set(const Node& node, ConstantPtr constant, int output = 0);
  void set_image(const Node& node, OpId id) { set(node, image_view(id, batch_, draft_.shape(id))); }

  // Whether something that matters reads this output.
  bool reads_output(const Node& node, int output) const {
    return node.has_output(output) && read_.contains(node.proto().output(output));
  }

  // The number of a gap for this node, which counts when the operator that carries it is read.
  int add_gap(const Node& node, const std::string& reason);

  // --- results ---
  // The outputs that were asked for, with their layouts but for the offsets.
  std::vector<std::pair<View, TensorLayout>> outputs() const;
  const TensorLayout& input_layout() const { return input_layout_; }
  std::vector<std::string>& notes() { return notes_; }
  const std::vector<GapNode>& gap_nodes() const { return gap_nodes_; }
  // Gaps whose output nobody knows the shape of.
  const std::vector<int>& unbridged() const { return unbridged_; }
  // Of the graph with its constants, those beside it with them.
  std::int64_t bytes() const { return bytes_; }

 private:
  void find_needed_nodes();
  void read_initialisers();
  Shape read_input();
  void read_node(const Node& node);
  bool fold(const Node& node);
  void bridge(const Node& node, const std::string& reason);
  std::optional<Shape> described_shape(const std::string& tensor, Dims& dims) const;
  const Value& value(const Node& node, int input) const;
  OpId shuffled(OpId id, const Dim& channels, const Node& node);
  OpId flattened(const View& view, const Node& node);
  // import_depth.cpp; nullopt: the dimensions are no such mixture.
  std::optional<OpId> pixels_of_channels(const View& view, const Node& node);
  std::optional<OpId> channels_of_pixels(const View& view, const Node& node);

  const onnx::GraphProto& proto_;
  int opset_;
  const ImportOptions& options_;
  std::int64_t bytes_;
  Budget budget_;
  std::int64_t batch_ = 1;
  TensorLayout input_layout_;
  std::vector<const onnx::NodeProto*> nodes_;  // that an output depends on, in the model's order
  std::unordered_set<std::string_view> read_;  // tensors that these nodes or the outputs read
  std::unordered_map<std::string_view, Value> values_;
  std::unordered_map<std::string_view, const onnx::ValueInfoProto*> described_;
  std::vector<GapNode> gap_nodes_;
  std::vector<int> unbridged_;
  std::vector<std::string> notes_;
  Draft draft_;
};

// Makes operators of a node. Throws Unsupported, or InputError for nodes that contradict the standard.
using Handler = void (*)(Graph& graph, const Node& node);
// nullptr: unknown.
Handler handler_of(std::string_view type);

TensorLayout layout_of(const std::string& name, const View& view, Shape shape, std::int64_t offset);

// "3x224x224"
std::string text_of(const Dims& dims);

}  // namespace assay::onnx_import
