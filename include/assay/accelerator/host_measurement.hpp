// Times subgraphs and whole networks on this machine's CPU, as it would run them when deployed: oneDNN
// convolutions with everything fused (CompileOptions::inference), float32.
//
// A subgraph in isolation can be several times faster or slower than within a network, depending on what it
// finds in the caches. Measured so that sums of subgraphs predict networks:
// - Compiled items take turns, in another order each round, so that a slow drift of the machine hits all
//   alike.
// - Before each turn 64 MiB of other data pass through the caches: weights and code come from where they come
//   from in a program that does other work between two runs, however few and small the items are. Without,
//   the same small networks took 11 to 57 % longer when forty took turns than when fifteen did; with it, 2 to
//   10 % less (the drift of a busy machine).
// - All items use one arena, so that a result is written to memory that the cache still holds.
// - What reads a subgraph's operands finds them just written: a network around the subgraph makes them
//   anew each time, and only the subgraph's own kernel is timed.
// What is left between the sum of the subgraphs and a network (code and address translations are as cold in
// front of a subgraph as they are in front of a whole network) is the same for subgraphs of like kind and
// size; a handful of measured networks teaches it to a fit. With 20 networks each of two spaces that left 1.8
// % in cross-validation where the plain sum was 17 % off.
//
// latency_ms is the lower quartile over the repeats. Between odd and even rounds it and the median differ by
// 1 to 2 % for subgraphs and under 1 % for networks, the minimum by half as much again; the quartile forgives
// more disturbed rounds than the median does. Runs that another program interrupted do not count for
// subgraphs; networks, which take longer, are timed by the processor's time that the thread got.
#pragma once

#include "assay/accelerator/latency_rows.hpp"
#include "assay/accelerator/subgraph.hpp"
#include "assay/network/network.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace assay {

// The rules of spaces/accelerators/host_cpu.toml.
FusionRules host_fusion_rules();
// That file, for callers that cannot read it.
Accelerator host_accelerator();

struct HostOptions {
  int batch = 1;
  int threads = 1;         // of convolutions and linear operators
  int repeats = 40;        // at least 4
  std::uint64_t seed = 1;  // of the order of turns
  // Items take turns as long as their parameters together take less than this.
  std::int64_t memory_bytes = std::int64_t{1} << 30;
};

struct HostLatency {
  double latency_ms = 0;  // of the whole batch
  Timing timing;
};

// Belongs to the thread that made it, whose OpenMP threads and floating-point unit it sets (see Worker).
class HostMeter {
 public:
  // Throws InputError for options out of range.
  explicit HostMeter(const HostOptions& options);
  ~HostMeter();
  HostMeter(const HostMeter&) = delete;
  HostMeter& operator=(const HostMeter&) = delete;

  MeasurementContext context() const;

  // Each measures the first items of `items`, one at least and at most as many as take turns well, and
  // returns their latencies. Call again for the rest. Throws InputError for what the runtime cannot execute,
  // and for a subgraph that is none under host_fusion_rules().
  std::vector<HostLatency> measure(std::span<const Subgraph> items);
  std::vector<HostLatency> measure(std::span<const Network* const> items);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace assay
