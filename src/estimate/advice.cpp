#include "assay/estimate/advice.hpp"

#include "assay/accelerator/cycle_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace assay {
namespace {

enum class Side { in, out, both };

// So many input channels are an image's: given, not chosen.
constexpr int image_channels = 4;

bool reads_image(const Subgraph& subgraph) {
  return subgraph.is_matrix() && subgraph.input.channels <= image_channels;
}

// The subgraph with other channels; depthwise and vector work change on both sides.
Subgraph with_channels(const Subgraph& subgraph, Side side, int channels) {
  Subgraph changed = subgraph;
  if (side != Side::out) changed.input.channels = channels;
  if (side == Side::in) return changed;
  // A depthwise convolution with a multiplier keeps it.
  changed.output.channels = side == Side::both && subgraph.is_depthwise()
                                ? channels * (subgraph.output.channels / subgraph.input.channels)
                                : channels;
  if (side == Side::both && subgraph.is_depthwise()) changed.groups = channels;
  return changed;
}

// How far from today's count a step is looked for: two lane widths, where the file says how wide they are.
int probe_distance(const Lanes& lanes) {
  constexpr int at_least = 64;
  return std::max({at_least, 2 * lanes.input_channels, 2 * lanes.output_channels, 2 * lanes.vector});
}

// Steps are expected at multiples of this: lanes come in fours, unless the file says otherwise.
int step_granularity(const Lanes& lanes, Side side) {
  const int stated = side == Side::in    ? lanes.input_channels
                     : side == Side::out ? lanes.output_channels
                                         : lanes.vector;
  return std::gcd(4, stated);  // 4 where the file leaves them open (0)
}

ChannelAdvice advise_channels(const Estimator& estimator, const Subgraph& subgraph, Side side) {
  ChannelAdvice advice;
  advice.channels = side == Side::out ? subgraph.output.channels : subgraph.input.channels;
  if (side != Side::out && reads_image(subgraph)) return advice;
  const int unit = subgraph.is_depthwise() ? 1 : subgraph.groups;
  const int reach = std::max(1, probe_distance(estimator.accelerator().lanes) / unit);
  const int today = advice.channels / unit;
  const int first = std::max(1, today - reach);
  std::vector<double> latency;  // of first, first + 1, ... units
  std::vector<bool> extrapolated;
  for (int count = first; count <= today + reach + 2; ++count) {
    const Prediction prediction = estimator.predict(with_channels(subgraph, side, count * unit));
    latency.push_back(prediction.latency_ms);
    extrapolated.push_back(prediction.extrapolated);
  }
  // What one unit more than `count` costs.
  const auto rise = [&](int count) {
    const auto i = static_cast<std::size_t>(std::max(count - first, 0));
    return count < first ? 0 : latency[i + 1] - latency[i];
  };
  double highest = 0;
  for (int count = first; count <= today + reach; ++count) highest = std::max(highest, rise(count));
  const int granularity = step_granularity(estimator.accelerator().lanes, side);
  const auto fills = [&](int count) {
    const double step = rise(count);
    const double share = latency[static_cast<std::size_t>(count - first)] / count;
    // A bend of the roofline, where memory takes over from compute, rises from there on: that is no step.
    // A smooth regression ripples: what hardly differs from its neighbours is none either, nor what stands at
    // an odd count.
    const double around = std::max({rise(count - 1), rise(count + 1), 0.0});
    return count * unit % granularity == 0 && step > 0 && step >= 2 * share && step >= 3 * around &&
           2 * step >= highest;
  };
  advice.fills = fills(today);
  if (advice.fills) return advice;
  const auto at = [&](int count) {
    const auto i = static_cast<std::size_t>(count - first);
    return ChannelStep{count * unit, latency[i], extrapolated[i]};
  };
  for (int count = today - 1; count >= first && !advice.down; --count) {
    if (fills(count)) advice.down = at(count);
  }
  for (int count = today + 1; count <= today + reach && !advice.up; ++count) {
    if (fills(count)) advice.up = at(count);
  }
  return advice;
}

// The launch that the file states, or else what the smallest such subgraph takes.
double launch_ms(const Estimator& estimator, const Subgraph& subgraph) {
  const double stated = estimator.accelerator().launch_us * 1e-3;
  if (stated > 0) return stated;
  Subgraph least = subgraph;
  least.groups = 1;
  least.input = {1, subgraph.kernel_h, subgraph.kernel_w};
  least.output = {1, 1, 1};
  return estimator.predict(least).latency_ms;
}

std::optional<Activation> fused_instead(const FusionRules& rules, const Subgraph& subgraph) {
  if (subgraph.kind != OpKind::activation || rules.fuses(subgraph.activation)) return std::nullopt;
  for (int i = 0; i <= static_cast<int>(Activation::gelu); ++i) {
    if (rules.fuses(static_cast<Activation>(i))) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

// "-48%", "same", "+12%".
std::string change(double from, double to, bool extrapolated = false) {
  const double percent = 100 * (to / from - 1);
  const char* mark = extrapolated ? "?" : "";
  if (std::abs(percent) < 0.5) return fmt::format("same{}", mark);
  return fmt::format("{:+.0f}%{}", percent, mark);
}

// More work than today: "32 same", "64: 4 x the work in 2.5 x the time".
std::string more_work(const std::string& what, double work, double time, bool extrapolated) {
  constexpr double unchanged = 1.005;
  if (time < unchanged) return what + " " + change(1, time, extrapolated);
  return fmt::format("{}: {:.3g} x the work in {:.3g} x the time{}", what, work, time,
                     extrapolated ? "?" : "");
}

// "16 -48%" and "32 same"; none when no other count would help.
std::vector<std::string> steps_text(const std::optional<ChannelAdvice>& advice, double latency_ms) {
  if (!advice) return {};
  constexpr double worth_it = 0.03;
  std::vector<std::string> steps;
  if (const auto& down = advice->down; down && down->latency_ms < (1 - worth_it) * latency_ms) {
    steps.push_back(
        fmt::format("{} {}", down->channels, change(latency_ms, down->latency_ms, down->extrapolated)));
  }
  // More channels are a gain where they cost less than half of their share.
  if (const auto& up = advice->up) {
    const double work = 1.0 * up->channels / advice->channels, time = up->latency_ms / latency_ms;
    if (time - 1 < 0.5 * (work - 1))
      steps.push_back(more_work(std::to_string(up->channels), work, time, up->extrapolated));
  }
  return steps;
}

}  // namespace

Advice advise(const Estimator& estimator, const SubgraphPrediction& part) {
  const Accelerator& accelerator = estimator.accelerator();
  const Subgraph& subgraph = part.subgraph;
  Advice advice;
  if (subgraph.is_matrix() && !subgraph.is_depthwise()) {
    advice.in = advise_channels(estimator, subgraph, Side::in);
    advice.out = advise_channels(estimator, subgraph, Side::out);
  } else {
    advice.out = advise_channels(estimator, subgraph, Side::both);
  }
  if (subgraph.is_depthwise()) {
    Subgraph dense = subgraph;
    dense.groups = 1;
    const Prediction prediction = estimator.predict(dense);
    advice.dense_latency_ms = prediction.latency_ms;
    advice.dense_extrapolated = prediction.extrapolated;
  }
  const Work work = work_of(subgraph);
  const double bytes = off_chip_bytes(accelerator, work);
  advice.weight_bytes = static_cast<double>(work.weight_elements) * accelerator.bytes_per_element();
  advice.activation_bytes = bytes - advice.weight_bytes;
  advice.fused_activation = fused_instead(accelerator.fusion, subgraph);
  // Weights take in a batch norm and a convolution an activation, but a layer norm needs its own pass.
  const bool free_when_fused =
      kind_of(subgraph) == SubgraphKind::elementwise && subgraph.kind != OpKind::layer_norm;
  advice.fusing_saves_ms =
      free_when_fused ? part.latency_ms : std::min(part.latency_ms, launch_ms(estimator, subgraph));
  return advice;
}

std::string to_text(const Advice& advice, const SubgraphPrediction& part) {
  const double latency = part.latency_ms;
  if (advice.fused_activation) {
    return fmt::format("another network: {} would be fused, {}", to_string(*advice.fused_activation),
                       change(latency, latency - advice.fusing_saves_ms));
  }
  if (part.bound == Bound::overhead) {
    return fmt::format("fused with another: {}", change(latency, latency - advice.fusing_saves_ms));
  }
  const double bytes = advice.weight_bytes + advice.activation_bytes;
  if (part.bound == Bound::memory && bytes > 0) {
    const bool weights = advice.weight_bytes >= advice.activation_bytes;
    return fmt::format("{}: {:.0f}% of its traffic", weights ? "weights" : "activations",
                       100 * std::max(advice.weight_bytes, advice.activation_bytes) / bytes);
  }
  std::vector<std::string> parts;
  if (advice.dense_latency_ms) {
    const double work = part.subgraph.groups, time = *advice.dense_latency_ms / latency;
    if (time < work) parts.push_back(more_work("dense", work, time, advice.dense_extrapolated));
  }
  const std::vector<std::string> in = steps_text(advice.in, latency), out = steps_text(advice.out, latency);
  const auto add = [&](const char* name, std::span<const std::string> steps) {
    if (!steps.empty()) parts.push_back(fmt::format("{} {}", name, fmt::join(steps, ", ")));
  };
  if (!advice.in) {
    add("ch", out);
  } else if (in == out) {
    add("in or out", in);
  } else {
    // Both have something to say: the first, fewer channels, is the shorter way.
    const bool both = !in.empty() && !out.empty();
    add("in", std::span(in).first(both ? 1 : in.size()));
    add("out", std::span(out).first(both ? 1 : out.size()));
  }
  if (!parts.empty()) return fmt::format("{}", fmt::join(parts, "; "));
  constexpr double full = 0.9;
  if (part.lane_efficiency >= full) return "its lanes are full";
  if (!part.subgraph.is_matrix()) return "";
  if (reads_image(part.subgraph)) {
    const int channels = part.subgraph.input.channels;
    return fmt::format("{} input channel{} lanes idle", channels, channels == 1 ? " leaves" : "s leave");
  }
  const Shape walked = part.subgraph.walked();
  return fmt::format("{}x{} pixels leave lanes idle", walked.height, walked.width);
}

}  // namespace assay
