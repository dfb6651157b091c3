// The built-in blocks: which attributes each takes, with what defaults, and how it is built. spaces/README.md
// documents the exact operator sequence of each.
#pragma once

#include "assay/network/builder.hpp"

#include "attribute.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::plan {

// One block to build. `values` holds the attributes that the type takes; the rest is not meaningful.
struct BlockContext {
  NetworkBuilder& builder;
  const AttributeValues& values;
  int channels = 0;  // of the output
  int stride = 1;

  double number(Attribute a) const { return values[static_cast<std::size_t>(a)]; }
  int integer(Attribute a) const { return static_cast<int>(number(a)); }
  bool flag(Attribute a) const { return number(a) != 0; }
};

struct AttributeDefault {
  Attribute attribute;
  double value;
};

struct BlockType {
  std::string_view name;
  OpId (*build)(const BlockContext&, OpId x);
  bool takes_channels;  // false: keeps its input's channels whatever the stage says
  bool takes_stride;
  bool marked;  // a block in the sense of block-wise scores, not a head or a lone pooling
  std::vector<AttributeDefault> attributes;
};

std::span<const BlockType> block_types();
std::optional<int> block_type_from(std::string_view name);

}  // namespace assay::plan
