// The handlers of ONNX operators, by the file that holds them; import_handlers.cpp is the list by name.
#pragma once

#include "import_graph.hpp"

namespace assay::onnx_import {

// import_convolution.cpp
void read_conv(Graph& graph, const Node& node);
void read_conv_transpose(Graph& graph, const Node& node);
void read_gemm(Graph& graph, const Node& node);
void read_matmul(Graph& graph, const Node& node);

// import_pool.cpp
void read_pool(Graph& graph, const Node& node);
void read_global_pool(Graph& graph, const Node& node);
void read_reduce(Graph& graph, const Node& node);
void read_pad(Graph& graph, const Node& node);
void read_resize(Graph& graph, const Node& node);  // import_resize.cpp

// import_elementwise.cpp
void read_activation(Graph& graph, const Node& node);
void read_clip(Graph& graph, const Node& node);
void read_prelu(Graph& graph, const Node& node);
void read_part(Graph& graph, const Node& node);
void read_binary(Graph& graph, const Node& node);
void read_extremum(Graph& graph, const Node& node);
void read_power(Graph& graph, const Node& node);

// import_norm.cpp
void read_batch_norm(Graph& graph, const Node& node);
void read_layer_norm(Graph& graph, const Node& node);
void read_softmax(Graph& graph, const Node& node);

// import_rearrange.cpp
void read_identity(Graph& graph, const Node& node);
void read_cast(Graph& graph, const Node& node);
void read_reshape(Graph& graph, const Node& node);
void read_flatten(Graph& graph, const Node& node);
void read_squeeze(Graph& graph, const Node& node);
void read_unsqueeze(Graph& graph, const Node& node);
void read_transpose(Graph& graph, const Node& node);
void read_shape(Graph& graph, const Node& node);
void read_expand(Graph& graph, const Node& node);

// import_depth.cpp
void read_depth_to_space(Graph& graph, const Node& node);

// import_channels.cpp
void read_concat(Graph& graph, const Node& node);
void read_split(Graph& graph, const Node& node);
void read_slice(Graph& graph, const Node& node);
void read_gather(Graph& graph, const Node& node);

// Windows of convolutions and pools.
struct Spatial {
  Window window;
  bool same_upper = false, same_lower = false;
};
// From kernel_shape (or the weights' extents), strides, dilations, pads and auto_pad; SAME paddings are
// resolved for an input of `shape`.
Window window_of(const Node& node, Shape shape, const Dims& kernel);

// An extent as the network holds it. Throws InputError for what no image has.
std::int32_t checked_extent(const Node& node, std::int64_t value, const char* what);

}  // namespace assay::onnx_import
