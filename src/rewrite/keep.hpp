// What an expert wants to stay as it is.
#pragma once

#include "assay/rewrite/rewrite.hpp"

#include <string>
#include <vector>

namespace assay {

class Keep {
 public:
  // Throws InputError for a name that fits no operator and no stage of the network.
  Keep(std::vector<std::string> names, const Network& network);

  // Those of the steps that leave everything alone that is to be kept.
  std::vector<char> permitted(const Network& network, std::span<const RewriteStep> steps) const;

 private:
  bool holds(const OperatorPlace& place) const;
  std::vector<std::string> names_;
};

}  // namespace assay
