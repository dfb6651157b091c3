// Rewrites that experts apply by hand to make an existing network fit an accelerator, found by structure
// alone: names and the space that a network came from play no role.
//
//   fuse_ibn             the 1x1 expansion and the KxK depthwise convolution of an inverted bottleneck (IBN)
//                        become one dense KxK convolution (fused IBN; Gupta and Akin 2020, "Accelerator-aware
//                        Neural Network Design using AutoML"; Xiong et al., CVPR 2021, "MobileDets"). Gate,
//                        projection and residual stay. Pays where channels are few and images large.
//   dense_convolution    a depthwise or grouped convolution becomes a dense one: free while its channels fit
//                        into lanes that stand idle anyway.
//   align_channels       a width moves to the next multiple of the lanes, down or up.
//   even_channels        unequal widths within a stage become equal at about the same multiply-accumulates:
//                        for given work, equal widths move least memory (Ma et al., ECCV 2018, "ShuffleNet
//                        V2", guideline 1). Block outputs and inner widths of blocks separately.
//   drop_squeeze_excite  a gate goes that takes at least a tenth of its block's latency.
//   replace_activation   an activation function that the accelerator runs by itself becomes one that it runs
//                        within the operator before (EfficientNet-Lite: h_swish and SiLU to ReLU6).
//   remove_block         the last of several residual blocks in a row goes.
//   depth_multiplier     all widths of a stage, or of the network, times one ratio, rounded to the lanes; a
//                        plan does so once for each.
//   reduce_resolution    a smaller image, by one total stride of the network.
//
// No rewrite changes the network's input channels or its output features; reduce_resolution makes the maps
// smaller where the network ends with maps.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/rewrite/edit.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class RewriteKind : std::uint8_t {
  fuse_ibn,
  dense_convolution,
  align_channels,
  even_channels,
  drop_squeeze_excite,
  replace_activation,
  remove_block,
  depth_multiplier,
  reduce_resolution,
};
inline constexpr int rewrite_kind_count = 9;
std::string_view to_string(RewriteKind kind);
std::optional<RewriteKind> rewrite_kind_from(std::string_view name);
std::span<const std::string_view> rewrite_kind_names();

// One rewrite at one site of one network, ready to be applied to that network only. Its text finds it again
// in another one.
struct RewriteStep {
  RewriteKind kind = RewriteKind::fuse_ibn;
  // A block ("stage2.block1"), an operator, a stage ("stride8": the operators whose tensors are 8 times
  // smaller than the image; "head": behind the last global pooling), or "network".
  std::string site;
  std::string value;  // "32", "relu6", "0.875", "288x288"; empty where there is no choice
  std::string what;   // in words
  Edit edit;

  // "align_channels stage2.block1.project=32": unique among the steps of a network.
  std::string text() const;
};

// Every step that the network offers, in the order of RewriteKind and then of the network. Steps whose shapes
// would not fit together are not offered. All of them can be applied: apply(network, step.edit).
std::vector<RewriteStep> find_steps(const Network& network, const Estimator& estimator);

// Where an operator stands, for reports and for what shall be kept as it is.
struct OperatorPlace {
  std::string name;   // unique
  std::string block;  // the block it belongs to, or its own name where there are none
  std::string stage;  // "stride8", "head"
};
std::vector<OperatorPlace> places_of(const Network& network);

// Operators that a step changes or takes away. Empty for reduce_resolution, which changes them all.
std::vector<OpId> touched_operators(const Network& network, const RewriteStep& step);

// The channel count whose multiples fill the matrix unit's lanes: the least common multiple of the input- and
// output-channel lanes that the estimator found; 1 when it found none.
int channel_lanes(const Estimator& estimator);

}  // namespace assay
