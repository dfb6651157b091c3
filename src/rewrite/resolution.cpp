// reduce_resolution: the image by one total stride smaller, so that every map keeps whole pixels.
#include "assay/base/error.hpp"

#include "structure.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay {

void find_resolutions(const Structure& structure, Steps& steps) {
  const Network& network = structure.network();
  const std::vector<int> strides = structure.strides();
  const Shape image = network.input_shape();
  // Features have no resolution, and the input alone has nothing to shrink.
  const int total = strides.empty() ? 0 : *std::ranges::max_element(strides);
  if (total < 1 || image.height < 2 || image.width < 2) return;
  // Smaller than half, or with a single pixel left at the end, it is another network.
  const int height = (image.height - 1) / total * total;
  const int width = static_cast<int>(std::int64_t{image.width} * height / image.height) / total * total;
  if (height < 2 * total || width < 2 * total) return;
  RewriteStep step{
      .kind = RewriteKind::reduce_resolution,
      .site = "network",
      .value = fmt::format("{}x{}", height, width),
      .what = fmt::format("the image shrinks from {}x{} to {}x{}", image.height, image.width, height, width),
      .edit = {}};
  step.edit.input = Shape{image.channels, height, width};
  // Sizes that the network states shrink with it.
  for (OpId id = 1; id < network.size(); ++id) {
    Operator op = network.op(id);
    if (op.resize_height == 0) continue;
    if (op.resize_height == 1 && op.resize_width == 1) continue;
    op.resize_height = static_cast<int>(std::int64_t{op.resize_height} * height / image.height);
    op.resize_width = static_cast<int>(std::int64_t{op.resize_width} * width / image.width);
    if (op.resize_height < 1 || op.resize_width < 1) return;
    step.edit.replaced.push_back({id, op});
  }
  try {
    const Network smaller = apply(network, step.edit);
    if (smaller.output_shape().channels != network.output_shape().channels &&
        network.op(network.output()).kind != OpKind::outputs)
      return;
    steps.push_back(std::move(step));
  } catch (const InputError&) {
    // Kernels larger than what is left, or maps that do not meet at the same size: no such step.
  }
}

}  // namespace assay
