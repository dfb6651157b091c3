#include "structure.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace assay {

Structure::Structure(const Network& network)
    : network_(network),
      widths_(network),
      names_(unique_names(network)),
      readers_(static_cast<std::size_t>(network.size()), 0),
      last_reader_(static_cast<std::size_t>(network.size()), -1),
      strides_(static_cast<std::size_t>(network.size()), 0),
      marks_(blocks_or_cuts(network)) {
  readers_[network.output()] = 1;
  for (OpId id = network.output(); id > 0; --id) {
    if (!live(id)) continue;
    for (const OpId input : network.inputs(id)) {
      if (last_reader_[input] == id) continue;  // x * x
      ++readers_[input];
      last_reader_[input] = id;
    }
  }
  find_strides();
  find_blocks();
}

void Structure::find_strides() {
  const int height = network_.input_shape().height;
  std::vector<char> pooled(strides_.size(), 0);
  strides_[0] = 1;
  for (OpId id = 1; id < network_.size(); ++id) {
    const Operator& op = network_.op(id);
    const OpId x = network_.inputs(id)[0];
    int stride = strides_[x];
    bool whole = false;  // a tensor of maps, whatever it was made from
    bool gate = pooled[x] != 0;
    for (const OpId input : network_.inputs(id)) {
      if (pooled[input] == 0) {
        stride = strides_[input];
        gate = false;
      }
    }
    switch (op.kind) {
      case OpKind::convolution:
      case OpKind::max_pool:
      case OpKind::average_pool:
        stride *= op.window.stride_h;
        break;
      case OpKind::transposed_convolution:
        stride = std::max(1, stride / op.window.stride_h);
        break;
      case OpKind::zero:
      case OpKind::resize:
        whole = network_.shape(id).height > 1;
        stride = static_cast<int>(std::lround(1.0 * height / network_.shape(id).height));
        break;
      default:
        break;
    }
    const Shape before = network_.shape(x), after = network_.shape(id);
    // Some exporters write global pooling as a window over everything.
    const bool pools_all = (op.kind == OpKind::average_pool || op.kind == OpKind::max_pool) &&
                           after.height * after.width == 1 && before.height * before.width > 1;
    const bool ends_maps = pools_all || op.kind == OpKind::global_average_pool ||
                           op.kind == OpKind::global_max_pool || op.kind == OpKind::flatten ||
                           op.kind == OpKind::linear || op.kind == OpKind::outputs;
    pooled[id] = static_cast<char>(ends_maps || (gate && !whole));
    strides_[id] = stride;
  }
  for (OpId id = network_.size() - 1; id > 0; --id) {
    if (pooled[id] == 0) continue;
    const OpId reader = last_reader_[id];  // the earliest one: it was found last
    strides_[id] = id == network_.output() || reader < 0 ? 0 : strides_[reader];
  }
}

void Structure::find_blocks() {
  block_of_.resize(names_.size());
  for (const BlockMark& mark : marks_) blocks_.push_back(mark.name);
  std::size_t block = 0;
  for (OpId id = 0; id < network_.size(); ++id) {
    while (block < marks_.size() && marks_[block].output < id) ++block;
    block_of_[id] = block;
    if (block < marks_.size()) continue;
    block_of_[id] = blocks_.size();
    blocks_.push_back(names_[id]);
  }
}

std::vector<int> Structure::strides() const {
  std::set<int> found;
  for (OpId id = 1; id < network_.size(); ++id)
    if (live(id)) found.insert(strides_[id]);
  std::vector<int> strides(found.begin(), found.end());
  if (!strides.empty() && strides[0] == 0) std::ranges::rotate(strides, strides.begin() + 1);
  return strides;
}

std::string stage_name(int stride) {
  return stride == 0 ? "head" : fmt::format("stride{}", stride);
}

}  // namespace assay
