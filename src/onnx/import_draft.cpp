#include "import_draft.hpp"

#include <algorithm>

namespace assay::onnx_import {
namespace {

bool keeps_sign(OpKind kind) {
  switch (kind) {
    case OpKind::max_pool:
    case OpKind::average_pool:
    case OpKind::global_max_pool:
    case OpKind::global_average_pool:
    case OpKind::add:
    case OpKind::multiply:
    case OpKind::concat:
    case OpKind::slice:
    case OpKind::flatten:
    case OpKind::resize:
    case OpKind::channel_shuffle:
      return true;
    default:
      return false;
  }
}

bool is_nonnegative(Activation function) {
  return function == Activation::relu || function == Activation::relu6 || function == Activation::sigmoid ||
         function == Activation::h_sigmoid;
}

}  // namespace

Draft::Draft(Shape input) : shapes_(input) {
  ops_.push_back({.op = {}, .inputs = {}, .name = "input", .values = {}});
}

OpId Draft::add(DraftOp op) {
  const OpId id = shapes_.add(op.op, op.inputs, op.name);
  if (op.op.kind == OpKind::activation && op.mark == Mark::none) {
    op.nonnegative = is_nonnegative(op.op.activation);
  } else if (keeps_sign(op.op.kind)) {
    op.nonnegative = std::ranges::all_of(op.inputs, [&](OpId input) { return this->op(input).nonnegative; });
  }
  ops_.push_back(std::move(op));
  return id;
}

OpId Draft::stand_in(OpId x, Mark mark, const std::string& name, int gap) {
  return add({.op = {.kind = OpKind::activation},
              .inputs = {x},
              .name = name,
              .mark = mark,
              .gap = gap,
              .values = {}});
}

OpId Draft::channel_mean(OpId x, const std::string& name) {
  const float share = 1.f / static_cast<float>(shape(x).channels);
  return add({.op = {.kind = OpKind::convolution, .channels = 1},
              .inputs = {x},
              .name = name,
              .mark = Mark::channel_mean,
              .values = Matrix{.weight = {}, .fill = share}});
}

OpId Draft::broadcast(OpId x, Shape to, const std::string& name) {
  if (shape(x).channels != to.channels) {
    x = add({.op = {.kind = OpKind::convolution, .channels = to.channels},
             .inputs = {x},
             .name = name + ".expand",
             .values = Matrix{.weight = {}}});
  }
  if (shape(x) == to) return x;
  return add({.kind = OpKind::resize, .resize_height = to.height, .resize_width = to.width}, {x},
             name + ".expand");
}

Draft::Windowed Draft::without_pad(OpId x, const Window& window, OpKind reader) const {
  const DraftOp& pad = op(x);
  if (pad.mark != Mark::pad) return {x, window};
  const float value = std::get<Padding>(pad.values).value;
  // Zeros never win against values that are not negative, nor does what is smaller than everything.
  constexpr float nothing = -1e30f;
  const bool for_maximum = reader == OpKind::max_pool;
  const bool for_convolution = reader == OpKind::convolution;
  const bool same =
      for_maximum ? (value == 0 && op(pad.inputs[0]).nonnegative) || value <= nothing : value == 0;
  if (!same) return {x, window};
  const Window& more = pad.op.window;
  Window sum = window;
  sum.pad_top += more.pad_top;
  sum.pad_bottom += more.pad_bottom;
  sum.pad_left += more.pad_left;
  sum.pad_right += more.pad_right;
  // Pools take no window that sees padding only.
  const auto reach = [](std::int64_t kernel, std::int64_t dilation) { return dilation * (kernel - 1) + 1; };
  const bool fits = std::max(sum.pad_top, sum.pad_bottom) < reach(sum.kernel_h, sum.dilation_h) &&
                    std::max(sum.pad_left, sum.pad_right) < reach(sum.kernel_w, sum.dilation_w);
  if (!fits && !for_convolution) return {x, window};
  return {pad.inputs[0], sum};
}

}  // namespace assay::onnx_import
