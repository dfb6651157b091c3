// Tensors whose data lie in files beside the model.
#pragma once

#include <cstdint>
#include <string>

#include <onnx/onnx_pb.h>

namespace assay::onnx_import {

// Throws InputError unless `bytes` bytes lie where the tensor says, in a file inside of `folder`: a model
// from a stranger must not read the user's other files.
void check_external(const onnx::TensorProto& tensor, const std::string& folder, std::int64_t bytes);

std::string read_external(const onnx::TensorProto& tensor, const std::string& folder, std::int64_t bytes);

}  // namespace assay::onnx_import
