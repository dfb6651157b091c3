// Entropy: how much information the features of every resolution can hold, in closed form.
//
// With N(0, 1) weights and inputs and nothing in between (no batch norm, no activations), a convolution of
// kernel k in g groups multiplies the variance of its c inputs with c k^2 / g, and the entropy of a Gaussian
// grows with the logarithm of its variance V. DeepMAD takes, for a plain chain up to a map of r x r pixels
// and c channels,
//   H = log(r^2 c) * log V,  log V = sum over the chain of log(c_i k_i^2 / g_i),
// and sums it over the resolutions, the last one weighing 8 times (MAE-DET's multi-scale entropy).
//
// For a network with branches V is followed along all of them: sums add variances (branches have independent
// weights; a residual block so counts log(1 + V of its branch) where the paper, which removes the link, has
// log V), a concatenation has the mean over its channels, a product that of its feature map (gates are open),
// and everything without weights leaves V as it is. A transposed convolution counts the c k^2 / (g s^2)
// products that an output pixel has on average at stride s. Layer norms are as open as batch norms. The map
// of a resolution is its last block's; that of the last resolution is the one that the classifier sees.
#include "blocks.hpp"
#include "scores.hpp"
#include "topology.hpp"

#include <cmath>

namespace assay {
namespace {

constexpr double last_weight = 8;

// log V of every operator's output.
std::vector<double> log_variances(const Network& network) {
  std::vector<double> result(static_cast<std::size_t>(network.size()), 0.0);
  for (OpId id = 1; id < network.size(); ++id) {
    const Operator& op = network.op(id);
    const auto inputs = feature_inputs(network, id);
    const auto of = [&](OpId input) { return result[static_cast<std::size_t>(input)]; };
    double value = of(inputs[0]);
    if (op.kind == OpKind::convolution) {
      const double window = double{1} * op.window.kernel_h * op.window.kernel_w;
      value += std::log(network.shape(inputs[0]).channels / op.groups * window);
    } else if (op.kind == OpKind::transposed_convolution) {
      const Window& w = op.window;
      const double taps = double{1} * w.kernel_h * w.kernel_w / (double{1} * w.stride_h * w.stride_w);
      value += std::log(network.shape(inputs[0]).channels / op.groups * taps);
    } else if (op.kind == OpKind::linear) {
      value += std::log(static_cast<double>(network.shape(inputs[0]).elements()));
    } else if (op.kind == OpKind::zero) {
      value = -std::numeric_limits<double>::infinity();
    } else if (op.kind == OpKind::add || op.kind == OpKind::concat) {
      // Relative to the largest, whose exponential would overflow.
      for (const OpId input : inputs) value = std::max(value, of(input));
      double sum = 0;
      for (const OpId input : inputs) {
        const double share = op.kind == OpKind::add ? 1.0
                                                    : static_cast<double>(network.shape(input).channels) /
                                                          network.shape(id).channels;
        if (std::isfinite(of(input))) sum += share * std::exp(of(input) - value);
      }
      value += std::log(sum);
    }
    result[static_cast<std::size_t>(id)] = value;
  }
  return result;
}

// The last block of each resolution, in execution order, and the map that the classifier sees.
std::vector<OpId> scales(const Network& network) {
  const std::vector<bool> before = before_classifier(network);
  std::vector<OpId> maps;
  const auto add = [&](OpId map) {
    std::erase_if(maps, [&](OpId other) {
      const Shape a = network.shape(map), b = network.shape(other);
      return a.height == b.height && a.width == b.width;
    });
    maps.push_back(map);
  };
  for (const OpId block : block_outputs(network))
    if (before[static_cast<std::size_t>(block)]) add(block);
  add(feature_output(network));
  return maps;
}

ScoreOutcome entropy(const Network& network) {
  const std::vector<double> variances = log_variances(network);
  const std::vector<OpId> maps = scales(network);
  double sum = 0;
  for (const OpId map : maps) {
    const double variance = variances[static_cast<std::size_t>(map)];
    if (!std::isfinite(variance)) return ScoreOutcome::failed("constant_output");
    sum += (map == maps.back() ? last_weight : 1) *
           std::log(static_cast<double>(network.shape(map).elements())) * variance;
  }
  return {sum, {}};
}

}  // namespace

ScoreEntry entropy_score() {
  return {
      .info = {.name = "entropy",
               .summary = "how much information features of every resolution can hold, in closed form",
               .formula = "sum over resolutions (the last one 8 times) of log(h w c) log V; V is 1 for the "
                          "input, times c k^2 / g for a convolution of c channels in g groups, the sum of "
                          "its inputs' for an addition, their mean over channels for a concatenation",
               .source = "Sun et al., MAE-DET, ICML 2022 (arXiv 2111.13336); Shen et al., DeepMAD, CVPR "
                         "2023 (arXiv 2303.02165)",
               .range = ">= 0"},
      .of_function = entropy};
}

}  // namespace assay
