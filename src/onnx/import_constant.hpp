// Constants of a model: initialisers, which stay as they are in the file until somebody asks for their
// values, and the results of computing with constants.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

namespace assay::onnx_import {

enum class Element : std::uint8_t { real, integer, boolean };

using Dims = std::vector<std::int64_t>;
// Images have 4, pieces of them (pixel shuffles) 6.
inline constexpr std::size_t most_dims = 8;

// Number of elements. Throws InputError for negative extents, too many dimensions and more than 2^40
// elements.
std::int64_t count_of(const Dims& dims);

class Constant {
 public:
  Constant(Element type, Dims dims, std::vector<double> values);
  // A tensor of the model, which must outlive the constant. Throws InputError when its data do not fit its
  // dimensions or its type holds no numbers. `folder` is where external data lie; whether they do is looked
  // at when they are read, and before only if asked for.
  Constant(const onnx::TensorProto& tensor, const std::string& folder, bool check_files = false);

  Element type() const { return type_; }
  const Dims& dims() const { return dims_; }
  std::int64_t count() const { return count_; }
  const std::string& name() const { return name_; }  // of an initialiser; empty: computed

  // Doubles hold every number that matters: whole ones up to 2^53, beyond which only "to the end" of slices
  // lies.
  std::vector<double> values() const;
  std::vector<float> floats() const;
  // The only value, where all are the same.
  std::optional<double> uniform() const;

 private:
  template <class Number>
  std::vector<Number> decode() const;

  Element type_;
  Dims dims_;
  std::int64_t count_ = 0;
  std::string name_;
  std::vector<double> values_;  // unless it is a tensor of the file
  const onnx::TensorProto* tensor_ = nullptr;
  std::string folder_;
};

using ConstantPtr = std::shared_ptr<const Constant>;

// Saturates: 9e18 is the end of every tensor.
std::int64_t to_integer(double value);

}  // namespace assay::onnx_import
