// What would make a subgraph faster. Every figure is the estimator's prediction for the changed subgraph, so
// that advice follows the fitted lanes and their softness, not the lanes that a file promises.
#pragma once

#include "assay/estimate/estimator.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace assay {

// The subgraph with another number of channels.
struct ChannelStep {
  int channels = 0;
  double latency_ms = 0;
  bool extrapolated = false;  // it lies outside of what was measured
};

// Latency over channels is a staircase. A channel count fills the lanes when one channel more would cost a
// step: at least twice what a channel costs on average, three times what it costs next to it, and at least
// half of the highest step nearby.
struct ChannelAdvice {
  int channels = 0;    // today
  bool fills = false;  // the lanes
  // The nearest counts that do, of a subgraph that does not: multiples of 4 where there are such. None for
  // the input channels of an image (up to 4), which nobody chooses.
  std::optional<ChannelStep> down, up;
};

struct Advice {
  // Convolution and linear operators; a depthwise convolution or vector work has as many channels in as out,
  // and both change together in `out`. Grouped convolutions change by multiples of their groups.
  std::optional<ChannelAdvice> in;
  std::optional<ChannelAdvice> out;
  // A depthwise convolution: what the dense one of the same shape takes.
  std::optional<double> dense_latency_ms;
  bool dense_extrapolated = false;
  // Shares of what crosses the off-chip interface; 0 and 0 when nothing does.
  double weight_bytes = 0, activation_bytes = 0;
  // An activation function that the accelerator runs by itself: one that it would run within the operator
  // before.
  std::optional<Activation> fused_activation;
  // What is saved where the subgraph runs as part of the one before it: its launch, and for elementwise
  // operators everything.
  double fusing_saves_ms = 0;
};

// `part` as Estimator::explain gives it: the subgraph, its latency and what bounds it.
Advice advise(const Estimator& estimator, const SubgraphPrediction& part);

// In a few words, as what bounds the subgraph says: "out 16 -48%, 32 same" (with 16 or 32 output channels),
// "out 64: 4 x the work in 2.5 x the time", "dense: 96 x the work in 5.3 x the time" (a dense convolution
// instead of a depthwise one), "weights: 92% of its traffic", "fused with another: -56%", "another network:
// relu would be fused, -100%" (with another activation function). A "?" behind a figure says that it is
// extrapolated.
std::string to_text(const Advice& advice, const SubgraphPrediction& part);

}  // namespace assay
