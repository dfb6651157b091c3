// Which channel counts of a network can only change together.
//
// A width group is a set of tensors (or parts of them) whose channels are in a fixed ratio, whatever that
// ratio is multiplied by: what a residual add joins, what passes through batch norms, activations, pools,
// depthwise convolutions and gates, and what a channel shuffle or a cut in two mixes. Convolutions and linear
// operators begin a new group. A concatenation has the groups of its parts side by side.
#pragma once

#include "assay/rewrite/edit.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

class WidthGroups {
 public:
  explicit WidthGroups(const Network& network);

  struct Group {
    std::vector<OpId> producers;  // convolutions, linear and zero operators that put out these channels
    int channels = 0;             // of the first producer; those of the others are in proportion
    // The channels of the network's input or output: given, not chosen.
    bool fixed = false;
    // Channels must be a multiple of this for all others of the group to be whole, and divisible by the
    // groups of grouped convolutions.
    int step = 1;
  };
  struct Change {
    int group = 0;
    int channels = 0;  // new ones of the first producer, a multiple of `step`
  };

  // In the order of their first producers.
  std::span<const Group> groups() const { return groups_; }
  // The group of all channels of an operator's output; -1 when it has several, or none that can be chosen.
  int group_of(OpId id) const;
  Edit resize(std::span<const Change> changes) const;

 private:
  struct Part {
    int group = 0;  // index into parents_
    std::int64_t channels = 0;
  };
  using Parts = std::vector<Part>;
  struct Divisor {  // the channels of these parts together are a multiple of `divisor`
    Parts parts;
    int divisor = 1;
  };

  int find(int group) const;
  void tie(int a, int b);
  void tie_all(const Parts& parts);
  Part begin_group(std::int64_t channels);
  void visit(OpId id);
  void visit_convolution(OpId id);
  void visit_slice(OpId id);
  void collect_groups();

  const Network& network_;
  std::vector<int> parents_;   // union-find
  std::vector<char> fixed_;    // of roots
  std::vector<Parts> parts_;   // of every operator's output
  std::vector<Parts> before_;  // slices: the parts in front of the cut
  std::vector<Divisor> divisors_;
  std::vector<int> index_;  // root -> group
  std::vector<Group> groups_;
};

}  // namespace assay
