// A network as its memory sees it: steps that read tensors and make one each. Fused operators and streamed
// chains are one step, flattening is none, nor is the naming of several outputs.
#pragma once

#include "assay/network/memory.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

// How a reader consumes a tensor row by row: for n new rows of its output it holds (n - 1) stride + reach
// rows of the tensor.
struct RowWindow {
  std::int32_t reach = 1;
  std::int32_t stride = 1;
};

struct MemoryGraph {
  struct Step {
    OpId op = 0, last = 0;
    std::int64_t bytes = 0;    // of the tensor it makes
    std::int64_t scratch = 0;  // while it runs
    bool joins = false;        // its result takes over every overwritable operand, not just one
  };
  struct Read {
    std::int32_t step = 0;      // whose tensor
    OpId by = 0;                // the (first) operator that reads it
    bool overwritable = false;  // the result may lie where this operand lies, if nobody needs that later
  };

  std::vector<Step> steps;  // in declared order; 0 is the network's input
  std::vector<Read> all_reads;
  std::vector<std::int32_t> first_read;  // per step, and the end
  std::vector<std::int32_t> uses;  // steps that read a step's tensor; one more for outputs of the network

  std::int32_t size() const { return static_cast<std::int32_t>(steps.size()); }
  std::span<const Read> reads(std::int32_t step) const {
    return {all_reads.data() + first_read[step],
            static_cast<std::size_t>(first_read[step + 1] - first_read[step])};
  }

  // Reuses its buffers. `buffer_bytes` is empty, or what operators between steps of a streamed chain hold,
  // under the chain's last operator.
  void build(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
             std::span<const std::int64_t> buffer_bytes = {});

  // What `step` needs beside the tensors that are alive before it: its result, as far as it takes over no
  // operand, and scratch. `dies(u)` says that no step after it needs the tensor of u.
  template <class Dies>
  std::int64_t fresh_bytes(std::int32_t step, Dies&& dies) const {
    const Step& s = steps[step];
    std::int64_t result = s.bytes;
    for (const Read& read : reads(step)) {
      if (!read.overwritable || !dies(read.step)) continue;
      result = s.joins ? result - steps[read.step].bytes : 0;
      if (!s.joins) break;
    }
    return result + s.scratch;
  }

  // Calls on_step(step, live_bytes) for every step of the declared order, or of `order`.
  template <class OnStep>
  void walk(std::span<const std::int32_t> order, OnStep&& on_step) {
    uses_left_ = uses;
    std::int64_t live = 0;
    for (std::int32_t i = 0; i < size(); ++i) {
      const std::int32_t step = order.empty() ? i : order[i];
      on_step(step, live + fresh_bytes(step, [&](std::int32_t u) { return uses_left_[u] == 1; }));
      live += steps[step].bytes;
      for (const Read& read : reads(step)) {
        if (--uses_left_[read.step] == 0) live -= steps[read.step].bytes;
      }
      if (uses_left_[step] == 0) live -= steps[step].bytes;  // a dead branch ends here
    }
  }

 private:
  void read_inputs(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused, OpId op,
                   OpId last);

  std::vector<std::int32_t> step_of_;  // operator -> the step whose tensor it makes or, flattening, shows
  std::vector<OpId> member_before_;    // the members of a subgraph as a list from its last one back
  std::vector<OpId> newest_member_;
  std::vector<std::int32_t> uses_left_;
};

bool is_elementwise(OpKind kind);

// Chains of steps to be run in strips, as fused operators with the bytes of their rolling buffers.
struct Strips {
  std::vector<OpId> last;                  // as FusedOperators::last
  std::vector<std::int64_t> buffer_bytes;  // as MemoryGraph::build
  bool any = false;
};
Strips find_strips(const Network& network, const MemoryPolicy& policy, const FusedOperators& fused,
                   const MemoryGraph& graph);

struct StepOrder {
  std::vector<std::int32_t> steps;  // empty: as declared
  std::int64_t peak_bytes = 0;
  std::int64_t declared_peak_bytes = 0;
  bool optimal = true;
};
// The order of least peak that a bounded search finds.
StepOrder find_order(MemoryGraph& graph);

}  // namespace assay
