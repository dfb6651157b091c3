// An ONNX graph that grows node by node; knows protobuf, and nothing of networks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <onnx/onnx_pb.h>

namespace assay {

class GraphWriter {
 public:
  explicit GraphWriter(onnx::GraphProto& graph) : graph_(graph) {}

  // A node with one output, whose name is returned. `place` is "stage1.block1.conv"; PyTorch names a node of
  // it
  // "/stage1/block1/conv/Conv" (a second one "..._1"), and its output "/stage1/block1/conv/Conv_output_0".
  std::string node(std::string_view type, const std::string& place, std::vector<std::string> inputs);

  // Of the node made last; empty before the first.
  std::string last_output() const;
  // Nothing may have read it yet.
  void rename_last_output(const std::string& name);

  // Attributes of the node made last.
  GraphWriter& with(std::string_view name, std::int64_t value);
  GraphWriter& with(std::string_view name, float value);
  GraphWriter& with(std::string_view name, std::string_view value);
  GraphWriter& with(std::string_view name, std::span<const std::int64_t> values);
  GraphWriter& with(std::string_view name, std::initializer_list<std::int64_t> values) {
    return with(name, std::span(values.begin(), values.size()));
  }

  // Initialisers; return their name.
  std::string floats(const std::string& name, std::span<const std::int64_t> dims,
                     std::span<const float> values);
  std::string floats(const std::string& name, std::initializer_list<std::int64_t> dims,
                     std::span<const float> values) {
    return floats(name, std::span(dims.begin(), dims.size()), values);
  }
  std::string scalar(const std::string& name, float value) { return floats(name, {}, {&value, 1}); }
  std::string integers(const std::string& name, std::initializer_list<std::int64_t> values);

  // {"batch", sizes...} of floats.
  static void describe(onnx::ValueInfoProto& value, const std::string& name,
                       std::span<const std::int64_t> sizes);

 private:
  onnx::AttributeProto& attribute(std::string_view name);

  onnx::GraphProto& graph_;
  std::unordered_set<std::string> taken_;  // names of nodes
};

}  // namespace assay
