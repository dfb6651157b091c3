// Resize and Upsample. Which pixel an output pixel comes from depends on a handful of attributes; a network's
// mode is taken where it reads the same place for every pixel of both axes.
#include "import_handlers.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace assay::onnx_import {
namespace {

struct Line {
  std::int64_t in = 1, out = 1;
  double scale = 1;  // as the model says it; out may be rounded
};

struct Rule {
  bool linear = false;
  std::string coordinates;  // coordinate_transformation_mode
  std::string rounding;     // nearest_mode
};

double coordinate(const Rule& rule, const Line& line, double o) {
  const std::string& mode = rule.coordinates;
  if (mode == "asymmetric") return o / line.scale;
  if (mode == "align_corners")
    return line.out == 1 ? 0 : o * static_cast<double>(line.in - 1) / static_cast<double>(line.out - 1);
  if (mode == "pytorch_half_pixel" && line.out == 1) return 0;
  if (mode == "tf_half_pixel_for_nn") return (o + 0.5) / line.scale;
  return (o + 0.5) / line.scale - 0.5;
}

double rounded(const Rule& rule, double at) {
  if (rule.rounding == "floor") return std::floor(at);
  if (rule.rounding == "ceil") return std::ceil(at);
  if (rule.rounding == "round_prefer_ceil") return std::floor(at + 0.5);
  return std::ceil(at - 0.5);
}

// What a network's modes read, as operator.hpp says.
double network_place(ResizeMode mode, const Line& line, double o) {
  const auto in = static_cast<double>(line.in), out = static_cast<double>(line.out);
  switch (mode) {
    case ResizeMode::nearest:
      return std::floor((o + 0.5) * in / out);
    case ResizeMode::nearest_floor:
      return std::floor(o * in / out);
    case ResizeMode::bilinear:
      return (o + 0.5) * in / out - 0.5;
    case ResizeMode::bilinear_align_corners:
      return out == 1 ? 0 : o * (in - 1) / (out - 1);
  }
  return 0;
}

bool agree(const Rule& rule, ResizeMode mode, const Line& line) {
  const auto last = static_cast<double>(line.in - 1);
  for (std::int64_t i = 0; i < line.out; ++i) {
    const auto o = static_cast<double>(i);
    double here = coordinate(rule, line, o);
    if (!rule.linear) here = rounded(rule, here);
    const double there = network_place(mode, line, o);
    // Both read the border's pixels beyond the border.
    if (std::abs(std::clamp(here, 0.0, last) - std::clamp(there, 0.0, last)) > 1e-4) return false;
  }
  return true;
}

Rule rule_of(const Node& node) {
  const std::string mode = node.text("mode", "nearest");
  if (mode != "nearest" && mode != "linear" && mode != "bilinear")
    throw Unsupported{fmt::format("its mode is {}", mode)};
  Rule rule{.linear = mode != "nearest", .coordinates = "asymmetric", .rounding = "floor"};
  if (node.type() == "Resize" && node.opset() >= 11) {
    rule.coordinates = node.text("coordinate_transformation_mode", "half_pixel");
    rule.rounding = node.text("nearest_mode", "round_prefer_floor");
    if (rule.coordinates == "tf_crop_and_resize") throw Unsupported{"it crops"};
    if (node.integer("antialias", 0) != 0) throw Unsupported{"it antialiases"};
    if (node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
      throw Unsupported{"it keeps the aspect ratio"};
    for (const char* other : {"cubic_coeff_a", "exclude_outside", "extrapolation_value"}) node.ignore(other);
  }
  return rule;
}

// Scales per dimension; a second list holds output extents where the model gives those.
struct Asked {
  std::vector<double> scales;
  std::vector<std::int64_t> sizes;
};

Asked asked_of(Graph& graph, const Node& node, int rank) {
  Asked asked;
  const bool upsample7 = node.type() == "Upsample" && node.inputs() < 2;
  if (upsample7) {
    const auto scales = node.reals("scales");
    asked.scales.assign(scales.begin(), scales.end());
  } else {
    const int scales = node.type() == "Upsample" || node.opset() < 11 ? 1 : 2;
    if (node.has_input(scales)) {
      const ConstantPtr values = graph.constant(node, scales);
      if (values->count() == rank) asked.scales = values->values();
    }
    if (asked.scales.empty() && scales == 2) asked.sizes = graph.integers(node, 3).value_or(Dims{});
  }
  if (asked.scales.size() + asked.sizes.size() != static_cast<std::size_t>(rank))
    node.fail("it has neither a scale nor a size for every dimension");
  return asked;
}

}  // namespace

void read_resize(Graph& graph, const Node& node) {
  const View view = graph.settled(node, 0);
  const Shape shape = graph.shape(view);
  const Rule rule = rule_of(node);
  const Asked asked = asked_of(graph, node, view.rank());
  std::array<Line, 2> lines = {Line{shape.height, shape.height, 1}, Line{shape.width, shape.width, 1}};
  View out = view;
  const bool plain = view.rank() == 4 && channel_dim(view, shape, 1) == 1;
  for (std::size_t i = 0; i < view.dims.size(); ++i) {
    const std::int64_t in = extent_of(view.dims[i]);
    double scale = 0;
    std::int64_t size = 0;
    if (!asked.scales.empty()) {
      scale = asked.scales[i];
      if (!(scale > 0 && scale <= 1e6)) node.fail(fmt::format("it has a scale of {}", scale));
      // Scales are ratios of sizes that were rounded to floats.
      const double exact = static_cast<double>(in) * scale, nearest = std::round(exact);
      const bool is_whole = std::abs(exact - nearest) < 1e-5 * nearest;
      size = checked_extent(node, to_integer(is_whole ? nearest : std::floor(exact)), "size");
      if (is_whole) scale = nearest / static_cast<double>(in);
    } else {
      size = checked_extent(node, asked.sizes[i], "size");
      scale = static_cast<double>(size) / static_cast<double>(in);
    }
    // Whether the first or the rounded size counts then, ONNX's own texts do not agree.
    if (rule.coordinates == "align_corners" &&
        std::abs(static_cast<double>(in) * scale - static_cast<double>(size)) > 1e-3)
      throw Unsupported{"it aligns the corners of a size that is no whole number"};
    if (size < 1) node.fail(fmt::format("it asks for a size of {}", size));
    if (size == in && scale == 1) continue;
    const bool height = (view.dims[i] == whole(Axis::height, in) && in > 1) || (plain && i == 2);
    const bool width = (view.dims[i] == whole(Axis::width, in) && in > 1) || (plain && i == 3);
    if (height == width) throw Unsupported{"it resizes other dimensions than height and width"};
    lines[height ? 0 : 1] = {in, size, scale};
    out.dims[i] = whole(height ? Axis::height : Axis::width, size);
  }
  if (out.dims == view.dims) return graph.set(node, view);
  graph.charge(lines[0].out + lines[1].out);
  const auto choices = rule.linear ? std::array{ResizeMode::bilinear, ResizeMode::bilinear_align_corners}
                                   : std::array{ResizeMode::nearest_floor, ResizeMode::nearest};
  for (const ResizeMode mode : choices) {
    if (!agree(rule, mode, lines[0]) || !agree(rule, mode, lines[1])) continue;
    out.id = graph.draft().add({.kind = OpKind::resize,
                                .resize_mode = mode,
                                .resize_height = static_cast<std::int32_t>(lines[0].out),
                                .resize_width = static_cast<std::int32_t>(lines[1].out)},
                               {view.id}, readable_name(node.proto()));
    return graph.set(node, std::move(out));
  }
  throw Unsupported{fmt::format("{} pixels of {}x{} by {} and {} are none of a network's resizes",
                                rule.linear ? "blending" : "taking", lines[0].in, lines[1].in,
                                rule.coordinates, rule.rounding)};
}

}  // namespace assay::onnx_import
