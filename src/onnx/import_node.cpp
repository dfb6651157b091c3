#include "import_node.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace assay::onnx_import {

using Attribute = onnx::AttributeProto;

std::string Node::label() const {
  if (!proto_.name().empty()) return proto_.name();
  return outputs() > 0 ? proto_.output(0) : "(without name)";
}

const std::string& Node::input(int i) const {
  if (!has_input(i)) fail(fmt::format("its input {} is missing", i));
  return proto_.input(i);
}

void Node::fail(const std::string& cause, const char* remedy) const {
  throw InputError(fmt::format("Node \"{}\" ({}): {}. {}.", label(), type(), cause, remedy));
}

const Attribute* Node::find(std::string_view name) const {
  constexpr int last_bit = 63;
  for (int i = 0; i < proto_.attribute_size(); ++i) {
    if (proto_.attribute(i).name() != name) continue;
    read_ |= std::uint64_t{1} << std::min(i, last_bit);
    return &proto_.attribute(i);
  }
  return nullptr;
}

const Attribute* Node::find(std::string_view name, Attribute::AttributeType type) const {
  const Attribute* attribute = find(name);
  if (attribute == nullptr) return nullptr;
  if (!attribute->ref_attr_name().empty())
    throw Unsupported{fmt::format("its attribute {} belongs to a function of the model", name)};
  if (attribute->type() != type) {
    fail(fmt::format("its attribute {} is {} instead of {}", name,
                     Attribute::AttributeType_Name(attribute->type()), Attribute::AttributeType_Name(type)));
  }
  return attribute;
}

bool Node::has(std::string_view name) const {
  return std::ranges::any_of(proto_.attribute(), [&](const Attribute& a) { return a.name() == name; });
}

std::int64_t Node::integer(std::string_view name, std::int64_t usual) const {
  const Attribute* attribute = find(name, Attribute::INT);
  return attribute == nullptr ? usual : attribute->i();
}

float Node::real(std::string_view name, float usual) const {
  const Attribute* attribute = find(name, Attribute::FLOAT);
  return attribute == nullptr ? usual : attribute->f();
}

std::string Node::text(std::string_view name, std::string_view usual) const {
  const Attribute* attribute = find(name, Attribute::STRING);
  return attribute == nullptr ? std::string(usual) : attribute->s();
}

std::vector<std::int64_t> Node::integers(std::string_view name, std::vector<std::int64_t> usual) const {
  const Attribute* attribute = find(name, Attribute::INTS);
  return attribute == nullptr ? usual : std::vector(attribute->ints().begin(), attribute->ints().end());
}

std::vector<float> Node::reals(std::string_view name) const {
  const Attribute* attribute = find(name, Attribute::FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

const onnx::TensorProto* Node::tensor(std::string_view name) const {
  const Attribute* attribute = find(name, Attribute::TENSOR);
  return attribute == nullptr ? nullptr : &attribute->t();
}

void Node::require_all_read() const {
  for (int i = 0; i < proto_.attribute_size(); ++i) {
    if ((read_ >> std::min(i, 63) & 1) == 0)
      throw Unsupported{fmt::format("its attribute {} is unknown here", proto_.attribute(i).name())};
  }
}

namespace {

// Nodes of these kinds are written out in the code of a model, they are no modules with a name of their own.
bool has_no_module(std::string_view type) {
  constexpr std::array plain = {"Add",     "Mul",       "Sub",       "Div",       "Concat",  "Flatten",
                                "Reshape", "Slice",     "Split",     "Transpose", "Squeeze", "Resize",
                                "Sum",     "Unsqueeze", "Clip",      "Sigmoid",   "MatMul",  "Pad",
                                "Gather",  "Erf",       "ReduceMean"};
  return std::ranges::find(plain, type) != plain.end();
}

// "Conv" or "Conv_12" for type "Conv".
bool is_counted(std::string_view name, std::string_view type) {
  if (!name.starts_with(type)) return false;
  name.remove_prefix(type.size());
  if (name.empty()) return true;
  if (name[0] != '_') return false;
  return std::all_of(name.begin() + 1, name.end(),
                     [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::string readable_name(const onnx::NodeProto& node) {
  const std::string& type = node.op_type();
  std::string_view name = node.name();
  if (is_counted(name, type)) name = {};
  if (name.empty()) {
    for (int i = 1; i < node.input_size(); ++i) {
      const std::string& weights = node.input(i);
      if (weights.ends_with(".weight")) return weights.substr(0, weights.size() - 7);
    }
    return lower(node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name());
  }
  // PyTorch repeats the path in each part: "layer1/layer1.0/conv1".
  std::vector<std::string> parts;
  for (const std::string_view part : split(name, '/')) {
    if (part.empty()) continue;
    if (!parts.empty() && part.starts_with(parts.back() + ".")) {
      parts.back() = part;
    } else {
      parts.emplace_back(part);
    }
  }
  if (!parts.empty() && is_counted(parts.back(), type)) {
    // "body.add/Add" is the operator "body.add" of an exported network.
    const bool repeats = parts.size() > 1 && parts.back() == type && parts[parts.size() - 2] == lower(type);
    if (repeats || (parts.size() > 1 && !has_no_module(type))) {
      parts.pop_back();
    } else {
      parts.back() = lower(parts.back());
    }
  }
  return join(parts, ".");
}

}  // namespace assay::onnx_import
