#include "graph_writer.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace assay {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

std::string GraphWriter::node(std::string_view type, const std::string& place,
                              std::vector<std::string> inputs) {
  std::string wanted = fmt::format("/{}/{}", place, type);
  std::ranges::replace(wanted, '.', '/');
  std::string name = wanted;
  for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);

  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(std::string(type));
  node.set_name(name);
  for (std::string& input : inputs) *node.add_input() = std::move(input);
  *node.add_output() = name + "_output_0";
  return node.output(0);
}

std::string GraphWriter::last_output() const {
  return graph_.node_size() == 0 ? "" : graph_.node(graph_.node_size() - 1).output(0);
}

void GraphWriter::rename_last_output(const std::string& name) {
  graph_.mutable_node(graph_.node_size() - 1)->set_output(0, name);
}

onnx::AttributeProto& GraphWriter::attribute(std::string_view name) {
  onnx::AttributeProto& attribute = *graph_.mutable_node(graph_.node_size() - 1)->add_attribute();
  attribute.set_name(std::string(name));
  return attribute;
}

GraphWriter& GraphWriter::with(std::string_view name, std::int64_t value) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::INT);
  a.set_i(value);
  return *this;
}

GraphWriter& GraphWriter::with(std::string_view name, float value) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::FLOAT);
  a.set_f(value);
  return *this;
}

GraphWriter& GraphWriter::with(std::string_view name, std::string_view value) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::STRING);
  a.set_s(std::string(value));
  return *this;
}

GraphWriter& GraphWriter::with(std::string_view name, std::span<const std::int64_t> values) {
  onnx::AttributeProto& a = attribute(name);
  a.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) a.add_ints(value);
  return *this;
}

std::string GraphWriter::floats(const std::string& name, std::span<const std::int64_t> dims,
                                std::span<const float> values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_raw_data(values.data(), values.size_bytes());
  return name;
}

std::string GraphWriter::integers(const std::string& name, std::initializer_list<std::int64_t> values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  tensor.set_raw_data(values.begin(), values.size() * sizeof(std::int64_t));
  return name;
}

void GraphWriter::describe(onnx::ValueInfoProto& value, const std::string& name,
                           std::span<const std::int64_t> sizes) {
  value.set_name(name);
  onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  for (const std::int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

}  // namespace assay
