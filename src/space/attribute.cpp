#include "attribute.hpp"

#include "assay/base/text.hpp"
#include "assay/network/operator.hpp"

#include <algorithm>

namespace assay::plan {
namespace {

using Kind = AttributeKind;

// In the order of Attribute.
constexpr AttributeInfo kAttributes[] = {
    {"kernel", Kind::integer, 1, 1024},
    {"kernel_h", Kind::integer, 1, 1024},
    {"kernel_w", Kind::integer, 1, 1024},
    {"dilation", Kind::integer, 1, 1024},
    {"padding", Kind::padding, 0, 1024},
    {"groups", Kind::integer, 1, 1 << 20},
    {"group_width", Kind::integer, 0, 1 << 20},
    {"bias", Kind::boolean, 0, 1},
    {"order", Kind::sequence, 0, 0},
    {"depthwise_order", Kind::sequence, 0, 0},
    {"projection", Kind::sequence, 0, 0},
    {"activation", Kind::activation, 0, 0},
    {"negative_slope", Kind::number, 0, 100},
    {"batch_norm_epsilon", Kind::number, 0, 1},
    {"expansion", Kind::number, 1e-3, 1000},
    {"expanded", Kind::integer, 0, 1 << 20},
    {"divisor", Kind::integer, 1, 1 << 20},
    {"always_expand", Kind::boolean, 0, 1},
    {"ratio", Kind::number, 1e-3, 1000},
    {"inner", Kind::integer, 0, 1 << 20},
    {"stride_at", Kind::stride_at, 0, 0},
    {"skip", Kind::boolean, 0, 1},
    {"pointwise_groups", Kind::integer, 1, 1 << 20},
    {"se", Kind::squeeze_excite, 0, 1000},
    {"se_ratio", Kind::number, 1e-3, 1000},
    {"se_from", Kind::se_from, 0, 0},
    {"se_channels", Kind::integer, 0, 1 << 20},
    {"se_divisor", Kind::integer, 1, 1 << 20},
    {"se_activation", Kind::activation, 0, 0},
    {"se_gate", Kind::activation, 0, 0},
    {"se_bias", Kind::boolean, 0, 1},
    {"repeat", Kind::integer, 1, 100},
    {"count_include_pad", Kind::boolean, 0, 1},
    {"batch_norm", Kind::boolean, 0, 1},
    {"height", Kind::integer, 0, 1 << 20},
    {"width", Kind::integer, 0, 1 << 20},
    {"scale", Kind::number, 1e-3, 1000},
    {"mode", Kind::resize_mode, 0, 0},
    {"begin", Kind::integer, 0, 1 << 20},
};
static_assert(std::size(kAttributes) == kAttributeCount);

constexpr Activation kActivations[] = {Activation::relu,    Activation::relu6,     Activation::leaky_relu,
                                       Activation::h_swish, Activation::h_sigmoid, Activation::silu,
                                       Activation::sigmoid, Activation::tanh,      Activation::gelu};

std::optional<double> sequence_from(std::string_view text) {
  if (text == "none") return 0;
  double value = 0, digit = 1;
  std::size_t steps = 0;
  for (const std::string_view word : split(text, '_')) {
    const Step step = word == "conv"      ? Step::conv
                      : word == "bn"      ? Step::bn
                      : word == "act"     ? Step::act
                      : word == "avgpool" ? Step::avgpool
                                          : Step::end;
    if (step == Step::end || ++steps > kMaxSteps) return std::nullopt;
    value += digit * static_cast<double>(step);
    digit *= 8;
  }
  return value;
}

std::optional<double> position_in(std::string_view text, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<double>(found - names.begin());
}

}  // namespace

const AttributeInfo& info(Attribute attribute) {
  return kAttributes[static_cast<std::size_t>(attribute)];
}

std::optional<Attribute> attribute_from(std::string_view name) {
  for (std::size_t i = 0; i < kAttributeCount; ++i)
    if (kAttributes[i].name == name) return static_cast<Attribute>(i);
  return std::nullopt;
}

bool has_named_values(AttributeKind kind) {
  return kind == Kind::sequence || !value_names(kind).empty();
}

std::vector<std::string> value_names(AttributeKind kind) {
  switch (kind) {
    case Kind::activation: {
      std::vector<std::string> names = {"none"};
      for (const Activation activation : kActivations) names.emplace_back(to_string(activation));
      return names;
    }
    case Kind::padding:
      return {"same", "valid"};
    case Kind::se_from:
      return {"input", "inner"};
    case Kind::stride_at:
      return {"first", "kernel"};
    case Kind::resize_mode:
      return {resize_mode_names().begin(), resize_mode_names().end()};
    case Kind::aggregate:
      return {"add", "concat", "multiply"};
    default:
      return {};
  }
}

std::optional<double> named_value(AttributeKind kind, std::string_view text) {
  switch (kind) {
    case Kind::activation: {
      if (text == "none") return kNoActivation;
      const std::optional<Activation> activation = activation_from(text);
      if (!activation) return std::nullopt;
      return static_cast<double>(*activation);
    }
    case Kind::sequence:
      return sequence_from(text);
    case Kind::padding:
      return text == "same"    ? std::optional<double>(kPaddingSame)
             : text == "valid" ? std::optional<double>(0)
                               : std::nullopt;
    default:
      return position_in(text, value_names(kind));
  }
}

}  // namespace assay::plan
