// The attributes that built-in blocks take: their names in a space file, their kinds of value and limits.
// Every value, whatever its kind, is held as one double, so that decisions, expressions and constants look
// alike to decode.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::plan {

enum class Attribute : std::uint8_t {
  kernel,
  kernel_h,
  kernel_w,
  dilation,
  padding,
  groups,
  group_width,
  bias,
  order,
  depthwise_order,
  projection,
  activation,
  negative_slope,
  batch_norm_epsilon,
  expansion,
  expanded,
  divisor,
  always_expand,
  ratio,
  inner,
  stride_at,
  skip,
  pointwise_groups,
  se,
  se_ratio,
  se_from,
  se_channels,
  se_divisor,
  se_activation,
  se_gate,
  se_bias,
  repeat,
  count_include_pad,
  batch_norm,
  height,
  width,
  scale,
  mode,
  begin,
  count,
};
constexpr std::size_t kAttributeCount = static_cast<std::size_t>(Attribute::count);
using AttributeValues = std::array<double, kAttributeCount>;

enum class AttributeKind : std::uint8_t {
  integer,
  number,
  boolean,
  activation,      // an Activation's name or "none"
  sequence,        // operators joined by "_": "conv_bn_act"; see Step
  padding,         // "same", "valid" or pixels
  squeeze_excite,  // true or 1 (use se_ratio), false or 0, or the ratio itself
  se_from,         // "input" or "inner"
  stride_at,       // "first" or "kernel"
  resize_mode,     // as ResizeMode
  free,            // parameter of a user block: any number or text
  block,           // what a stage, node or edge is built of
  aggregate,       // "add", "concat" or "multiply"
  source,          // an input or a node of the graph around, by name or number
};

struct AttributeInfo {
  std::string_view name;
  AttributeKind kind;
  double least;
  double most;
};
const AttributeInfo& info(Attribute attribute);
std::optional<Attribute> attribute_from(std::string_view name);

// The number that stands for a text of a kind with named values ("relu", "same", "conv_bn"); nullopt: no such
// name.
std::optional<double> named_value(AttributeKind kind, std::string_view text);
// The names of such a kind for messages; empty for kinds without (a sequence has too many).
std::vector<std::string> value_names(AttributeKind kind);
bool has_named_values(AttributeKind kind);

// One step of a sequence such as "avgpool_conv_bn". A sequence is held as a number with one base-8 digit a
// step, the first step in the lowest digit; 0 is the empty sequence "none".
enum class Step : std::uint8_t { end, conv, bn, act, avgpool };
constexpr std::size_t kMaxSteps = 12;

enum class SeFrom : std::uint8_t { input, inner };
enum class StrideAt : std::uint8_t { first, kernel };
enum class Aggregate : std::uint8_t { add, concat, multiply };
constexpr double kPaddingSame = -1;
constexpr double kNoActivation = -1;
constexpr double kSeUsesRatio = 1;

}  // namespace assay::plan
