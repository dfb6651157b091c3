// A network as the accelerator runs it: subgraph by subgraph, with what each costs, why, and what would lower
// it; and its memory step by step. Plain values, so that any report can show them.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace assay {

struct ExplainedSubgraph {
  std::string name;       // of its first operator, "stage2.block1.expand"
  std::string kind;       // "convolution", "depthwise convolution": as estimate --layers says
  std::string operators;  // what runs as one: "conv+relu6", "dwconv+relu6+add"
  std::string shape;      // "16x28x28 -> 96x28x28 k1 s1"
  std::string brief;      // both in the few words that a table has room for: "1x1 conv 16→96 @28 +add"
  Shape output;
  std::vector<int> inputs;  // subgraphs whose outputs it reads, ascending; -1: the network's input
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::int64_t output_bytes = 0;
  // Without an estimator the figures below are NaN, and texts empty.
  double latency_ms = std::numeric_limits<double>::quiet_NaN();
  double share = std::numeric_limits<double>::quiet_NaN();            // of the network's latency
  double lane_efficiency = std::numeric_limits<double>::quiet_NaN();  // 0 .. 1
  std::string bound;                                                  // "compute", "memory", "launch" ...
  std::string advice;  // in a few words, see estimate/advice.hpp; empty: none
  bool extrapolated = false;
};

// What is alive while a subgraph runs, in the order in which the accelerator file counts.
struct MemoryMoment {
  std::string name;       // first operator of the step
  std::string last_name;  // last one; the same as `name` for a single operator
  std::int64_t live_bytes = 0;
};

struct NetworkExplanation {
  std::string input_shape;   // "3x32x32"
  std::string output_shape;  // "10x1x1"
  int operators = 0;
  int depth = 0;  // operators on the longest path
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::int64_t peak_memory_bytes = 0;
  std::string peak_name;  // first operator at which memory peaks
  double latency_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_low_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_high_ms = std::numeric_limits<double>::quiet_NaN();
  double lane_efficiency = std::numeric_limits<double>::quiet_NaN();  // of all subgraphs, weighted by latency
  bool extrapolated = false;
  std::vector<ExplainedSubgraph> subgraphs;  // in execution order
  std::vector<MemoryMoment> memory;
};

// Of the network as declared: pass what runs, canonical(network) where a space has zero operators.
// `estimator` may be null: then subgraphs are those that fuse nearly everywhere (batch norm, add, the ReLU
// family and concat), and memory is that of float32 activations.
NetworkExplanation explain_network(const Network& network, const Estimator* estimator);

}  // namespace assay
