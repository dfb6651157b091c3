// The best order of one part of a network, by dynamic programming over sets of executed steps.
#pragma once

#include "memory_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace assay {

// Steps between two cuts: they may run in several orders, and nothing from outside runs between them.
struct SchedulePart {
  std::int32_t begin = 0, end = 0;  // in the declared order
  std::int64_t declared_peak = 0;
};

// Level i holds sets of i executed steps, and per set the least peak with which it can be reached. A set of
// steps is a row of bits.
class PartSearch {
 public:
  struct Result {
    std::vector<std::int32_t> order;  // empty: nothing below the bound was found
    std::int64_t peak = std::numeric_limits<std::int64_t>::max();
    // No order that the search missed has a lower peak than this.
    std::int64_t least_dropped = std::numeric_limits<std::int64_t>::max();
  };

  PartSearch(const MemoryGraph& graph, const SchedulePart& part);

  std::size_t size() const { return size_; }

  // What every order needs: while a step runs, at least its operands, its result, and all that the steps
  // before it left for those behind it.
  std::int64_t least_peak() const;

  // Orders whose peak is below `bound`, keeping `width` sets a level; peaks up to `floor` are all the same.
  Result run(std::int64_t floor, std::int64_t bound, std::size_t width);

 private:
  struct Set {
    std::int64_t peak = 0;
    std::int64_t live = 0;
  };
  struct Level {
    std::vector<std::uint64_t> bits;  // words_ per set
    std::vector<Set> sets;
  };
  struct Move {
    std::int32_t from = 0;   // set of the level before
    std::int32_t local = 0;  // step
  };

  std::size_t local_of(std::int32_t step) const { return static_cast<std::size_t>(step - part_.begin); }
  std::int32_t step_of(std::size_t local) const { return part_.begin + static_cast<std::int32_t>(local); }
  bool ready(const std::uint64_t* done, std::size_t local) const;
  bool dies(const std::uint64_t* done, std::int32_t from, std::size_t local) const;
  Set after(const Set& before, const std::uint64_t* done, std::size_t local) const;
  void expand(std::size_t i, std::int64_t bound, std::vector<Move>& moves);
  void add(const std::uint64_t* done, const Set& reached, Move move, std::vector<Move>& moves);
  std::size_t find(std::ptrdiff_t begin) const;
  void grow();
  std::int64_t keep_best(std::size_t width, std::vector<Move>& moves);

  const MemoryGraph& graph_;
  SchedulePart part_;
  std::size_t size_, words_;
  std::int64_t live_before_ = 0;
  std::vector<std::uint64_t> needs_;                 // per step of the part: those that run before it
  std::vector<std::vector<std::uint64_t>> readers_;  // per tensor: the part's steps that read it
  std::vector<std::uint8_t> outside_;                // per tensor: whether it is needed after the part
  Level now_, next_;
  std::vector<std::int32_t> table_;  // hash table over next_.sets
  std::vector<std::vector<Move>> levels_;
  std::vector<std::pair<Set, std::size_t>> ready_;
};

}  // namespace assay
