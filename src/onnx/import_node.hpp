// Nodes of the ONNX graph as the importer reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <onnx/onnx_pb.h>

namespace assay::onnx_import {

// Thrown for a well-formed node that has no counterpart; `reason` is a sentence.
struct Unsupported {
  std::string reason;
};

class Node {
 public:
  Node(const onnx::NodeProto& proto, int opset) : proto_(proto), opset_(opset) {}

  const std::string& type() const { return proto_.op_type(); }
  // In messages: the node's name, or that of its output.
  std::string label() const;
  int opset() const { return opset_; }
  const onnx::NodeProto& proto() const { return proto_; }

  int inputs() const { return proto_.input_size(); }
  bool has_input(int i) const { return i < inputs() && !proto_.input(i).empty(); }
  // Throws InputError when there is none.
  const std::string& input(int i) const;
  int outputs() const { return proto_.output_size(); }
  bool has_output(int i) const { return i < outputs() && !proto_.output(i).empty(); }

  // Attributes. Each throws InputError when the attribute is there with another type.
  bool has(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t usual) const;
  float real(std::string_view name, float usual) const;
  std::string text(std::string_view name, std::string_view usual) const;
  std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> usual = {}) const;
  std::vector<float> reals(std::string_view name) const;
  const onnx::TensorProto* tensor(std::string_view name) const;
  // Attributes that have no influence here.
  void ignore(std::string_view name) const { find(name); }
  // Throws Unsupported when there is an attribute that nobody has asked for: it may change what is computed.
  void require_all_read() const;

  // Throws InputError: the node contradicts the standard.
  [[noreturn]] void fail(const std::string& cause, const char* remedy = "Export the model again") const;

 private:
  const onnx::AttributeProto* find(std::string_view name) const;
  const onnx::AttributeProto* find(std::string_view name, onnx::AttributeProto::AttributeType type) const;

  const onnx::NodeProto& proto_;
  int opset_;
  mutable std::uint64_t read_ = 0;  // bit i: attribute i (all beyond the last bit share it)
};

// "/layer1/layer1.0/conv1/Conv" -> "layer1.0.conv1"; where exporters only count ("Conv_12"), the name of the
// node's weights ("layer1.0.conv1.weight") or of its output.
std::string readable_name(const onnx::NodeProto& node);

}  // namespace assay::onnx_import
