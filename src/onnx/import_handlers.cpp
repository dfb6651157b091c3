#include "import_handlers.hpp"

#include <unordered_map>

namespace assay::onnx_import {

Handler handler_of(std::string_view type) {
  static const std::unordered_map<std::string_view, Handler> all = {
      {"Conv", read_conv},
      {"ConvTranspose", read_conv_transpose},
      {"Gemm", read_gemm},
      {"MatMul", read_matmul},
      {"MaxPool", read_pool},
      {"AveragePool", read_pool},
      {"GlobalAveragePool", read_global_pool},
      {"GlobalMaxPool", read_global_pool},
      {"ReduceMean", read_reduce},
      {"ReduceSum", read_reduce},
      {"ReduceMax", read_reduce},
      {"Pad", read_pad},
      {"Resize", read_resize},
      {"Upsample", read_resize},
      {"Relu", read_activation},
      {"LeakyRelu", read_activation},
      {"HardSwish", read_activation},
      {"Sigmoid", read_activation},
      {"Tanh", read_activation},
      {"Gelu", read_activation},
      {"HardSigmoid", read_clip},
      {"Clip", read_clip},
      {"PRelu", read_prelu},
      {"Erf", read_part},
      {"Sqrt", read_part},
      {"Neg", read_binary},
      {"Add", read_binary},
      {"Sum", read_binary},
      {"Sub", read_binary},
      {"Mul", read_binary},
      {"Div", read_binary},
      {"Min", read_extremum},
      {"Max", read_extremum},
      {"Pow", read_power},
      {"BatchNormalization", read_batch_norm},
      {"LayerNormalization", read_layer_norm},
      {"Softmax", read_softmax},
      {"Identity", read_identity},
      {"Dropout", read_identity},
      {"Cast", read_cast},
      {"Reshape", read_reshape},
      {"Flatten", read_flatten},
      {"Squeeze", read_squeeze},
      {"Unsqueeze", read_unsqueeze},
      {"Transpose", read_transpose},
      {"Shape", read_shape},
      {"Size", read_shape},
      {"Expand", read_expand},
      {"DepthToSpace", read_depth_to_space},
      {"SpaceToDepth", read_depth_to_space},
      {"Concat", read_concat},
      {"Split", read_split},
      {"Slice", read_slice},
      {"Gather", read_gather},
  };
  const auto found = all.find(type);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace assay::onnx_import
