// A change of a network as a value: which operators get other attributes, and which vanish. Every rewrite of
// this module comes down to one edit, so that one function builds all rewritten networks.
#pragma once

#include "assay/network/network.hpp"

#include <optional>
#include <string>
#include <vector>

namespace assay {

struct Edit {
  struct Replacement {
    OpId op = 0;
    Operator attributes;
  };
  struct Bypass {
    OpId op = 0;        // is not made any more;
    OpId stand_in = 0;  // an earlier operator, whose output its consumers read instead
  };
  struct Renaming {
    OpId op = 0;
    std::string name;
  };

  std::vector<Replacement> replaced;  // of an operator at most one
  std::vector<Bypass> bypassed;
  std::vector<Renaming> renamed;
  std::optional<Shape> input;  // another image
};

// The edited network. Operators whose output nobody reads are left out. The mark of a block whose output was
// bypassed goes to the stand-in, unless that has one already: the block is gone then. Throws InputError as
// NetworkBuilder does when shapes do not fit any more.
Network apply(const Network& network, const Edit& edit);

}  // namespace assay
