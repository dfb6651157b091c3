// Small ONNX models for tests, and what an imported model computes.
#pragma once

#include "assay/base/file.hpp"
#include "assay/base/hash.hpp"
#include "assay/onnx/import.hpp"
#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

namespace onnx_test {

using Dims = std::vector<std::int64_t>;
using Floats = std::vector<float>;

// Values that are all different, and as large as activations are.
inline Floats wavy(std::int64_t count, float phase = 0) {
  Floats values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 3 * std::sin(0.7F * static_cast<float>(i) + phase) + 0.1F * static_cast<float>(i % 5);
  return values;
}

inline std::int64_t count_of(const Dims& dims) {
  std::int64_t count = 1;
  for (const std::int64_t extent : dims) count *= extent;
  return count;
}

// One node; attributes are added to it: node("Conv", ...).set("group", 2).
class NodeMaker {
 public:
  explicit NodeMaker(onnx::NodeProto& node) : node_(node) {}
  NodeMaker& set(const std::string& name, std::int64_t value) {
    auto& attribute = make(name, onnx::AttributeProto::INT);
    attribute.set_i(value);
    return *this;
  }
  NodeMaker& set(const std::string& name, int value) { return set(name, std::int64_t{value}); }
  NodeMaker& set(const std::string& name, float value) {
    make(name, onnx::AttributeProto::FLOAT).set_f(value);
    return *this;
  }
  NodeMaker& set(const std::string& name, const char* value) {
    make(name, onnx::AttributeProto::STRING).set_s(value);
    return *this;
  }
  NodeMaker& set(const std::string& name, const Dims& values) {
    auto& attribute = make(name, onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
    return *this;
  }
  NodeMaker& named(const std::string& name) {
    node_.set_name(name);
    return *this;
  }
  operator std::string() const { return node_.output(0); }
  std::string output(int i) {
    while (node_.output_size() <= i)
      node_.add_output(node_.output(0) + "_" + std::to_string(node_.output_size()));
    return node_.output(i);
  }

 private:
  onnx::AttributeProto& make(const std::string& name, onnx::AttributeProto::AttributeType type) {
    auto& attribute = *node_.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
  }
  onnx::NodeProto& node_;
};

class Model {
 public:
  // The input is called "x"; an extent of -1 is open.
  explicit Model(const Dims& input, int opset = 13) {
    model.set_ir_version(8);
    auto& import = *model.add_opset_import();
    import.set_version(opset);
    describe(*graph().add_input(), "x", input);
  }

  onnx::GraphProto& graph() { return *model.mutable_graph(); }

  NodeMaker node(const std::string& type, const std::vector<std::string>& inputs) {
    auto& made = *graph().add_node();
    made.set_op_type(type);
    for (const std::string& input : inputs) made.add_input(input);
    made.add_output("t" + std::to_string(graph().node_size()));
    return NodeMaker(made);
  }

  std::string floats(const Dims& dims, const Floats& values) {
    auto& tensor = initialiser(dims, onnx::TensorProto::FLOAT);
    for (const float value : values) tensor.add_float_data(value);
    return tensor.name();
  }
  std::string scalar(float value) { return floats({}, {value}); }
  std::string integers(const Dims& values) {
    auto& tensor = initialiser({static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const std::int64_t value : values) tensor.add_int64_data(value);
    return tensor.name();
  }
  std::string integer(std::int64_t value) {
    auto& tensor = initialiser({}, onnx::TensorProto::INT64);
    tensor.add_int64_data(value);
    return tensor.name();
  }

  Model& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }

  std::string bytes() const { return model.SerializeAsString(); }

  static void describe(onnx::ValueInfoProto& value, const std::string& name, const Dims& dims) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape();
    for (const std::int64_t extent : dims) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (extent < 0) {
        dim.set_dim_param("open");
      } else {
        dim.set_dim_value(extent);
      }
    }
  }

  onnx::ModelProto model;

 private:
  onnx::TensorProto& initialiser(const Dims& dims, onnx::TensorProto::DataType type) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name("c" + std::to_string(graph().initializer_size()));
    tensor.set_data_type(type);
    for (const std::int64_t extent : dims) tensor.add_dims(extent);
    return tensor;
  }
};

// With ASSAY_KEEP_MODELS=FOLDER the models of the tests are kept there: small ones of every kind, seeds for
// tools/fuzz.sh.
inline void keep(const std::string& bytes) {
  const char* folder = std::getenv("ASSAY_KEEP_MODELS");
  constexpr std::size_t most = 4096;
  if (folder == nullptr || bytes.size() > most) return;
  assay::write_file(folder + ("/" + std::to_string(assay::hash_text(bytes)) + ".onnx"), bytes);
}

inline assay::ImportedModel import(const Model& model, const assay::ImportOptions& options = {}) {
  const std::string bytes = model.bytes();
  keep(bytes);
  return assay::import_onnx(bytes, "test.onnx", options);
}

struct Result {
  Dims dims;
  Floats values;
};

// Runs the network image by image, from and to the model's own layouts.
inline std::vector<Result> run(const assay::ImportedModel& model, const Floats& input,
                               std::int64_t images = 1) {
  assay::Worker worker;
  assay::Executable executable(worker, model.network,
                               {.batch_norm = assay::BatchNormMode::running_statistics});
  executable.set_weights(*model.weights);
  const auto from = model.input.offsets();
  std::vector<Result> results;
  for (const auto& layout : model.outputs) {
    results.push_back({layout.dims, {}});
    if (!results.back().dims.empty()) results.back().dims[0] = images;
  }
  for (std::int64_t image = 0; image < images; ++image) {
    const auto first = static_cast<std::size_t>(image) * from.size();
    for (std::size_t i = 0; i < from.size(); ++i)
      executable.input()[static_cast<std::size_t>(from[i])] = input.at(first + i);
    executable.forward();
    for (std::size_t k = 0; k < results.size(); ++k) {
      for (const std::int64_t offset : model.outputs[k].offsets())
        results[k].values.push_back(executable.output()[static_cast<std::size_t>(offset)]);
    }
  }
  return results;
}

// max |difference| / max |expected|; infinite when sizes differ.
inline double relative_error(const Floats& got, const Floats& expected) {
  if (got.size() != expected.size() || got.empty()) return INFINITY;
  double difference = 0, size = 1e-6;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - expected[i]));
    size = std::max(size, std::abs(static_cast<double>(expected[i])));
  }
  return difference / size;
}

}  // namespace onnx_test
