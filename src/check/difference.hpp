// Two versions of a list of parts (subgraphs, operators, tensors), and which part became which.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay {

struct CostPart {
  std::string name;       // operators that were renumbered have other ones
  std::string operation;  // "3x3 dw conv"
  std::string sizes;      // "96 s2 @14"
  double amount = 0;

  std::string shape() const { return sizes.empty() ? operation : operation + " " + sizes; }
};

// nullopt before: the part is new; after: it is gone.
struct CostChange {
  std::optional<std::size_t> before, after;
};

// Every part of both lists in one change, first those of `after` in their order, then what is gone. Parts
// that are equal in all but their name belong together wherever they stand, since nothing can be blamed on
// them; the others by name and operation, then by operation between the same neighbours, then by name.
std::vector<CostChange> match_parts(std::span<const CostPart> before, std::span<const CostPart> after);

}  // namespace assay
