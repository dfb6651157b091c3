#include "assay/explain/network_words.hpp"

#include "assay/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

namespace assay {
namespace {

bool has_parts(std::string_view name) {
  return name.find('.') != std::string_view::npos;
}

std::string resolution_of(const ExplainedSubgraph& part) {
  return fmt::format("{}x{}", part.output.height, part.output.width);
}

// "stage2.block1" of "stage2.block1.expand"; empty for fewer parts.
std::string block_of(std::string_view name) {
  const std::vector<std::string_view> parts = split(name, '.');
  return parts.size() < 3 ? "" : fmt::format("{}.{}", parts[0], parts[1]);
}

std::string percent_text(double share) {
  return fmt::format("{:.{}f} %", 100 * share, share < 0.095 ? 1 : 0);
}

std::string count_text(std::int64_t count) {
  return human_count(static_cast<double>(count));
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// The part with the largest figure: "head.linear (linear 1280→1000) has 36 %".
template <class Figure>
std::string largest(const NetworkExplanation& explanation, double total, const Figure& figure) {
  const auto part = std::ranges::max_element(explanation.subgraphs, {}, figure);
  return fmt::format("{} ({}) has {}", part->name, part->brief,
                     percent_text(total > 0 ? static_cast<double>(figure(*part)) / total : 0));
}

// "12 convolution 61 %, 5 depthwise 20 %": most first.
template <class Figure>
std::string by_kind(const NetworkExplanation& explanation, const Figure& figure) {
  struct Kind {
    int count = 0;
    double share = 0;
  };
  std::map<std::string, Kind> kinds;
  double total = 0;
  for (const ExplainedSubgraph& part : explanation.subgraphs) {
    Kind& kind = kinds[part.kind];
    ++kind.count;
    kind.share += static_cast<double>(figure(part));
    total += static_cast<double>(figure(part));
  }
  std::vector<std::pair<std::string, Kind>> sorted(kinds.begin(), kinds.end());
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [](const auto& kind) { return kind.second.share; });
  std::vector<std::string> texts;
  for (auto& [name, kind] : sorted) {
    std::string readable = name;
    std::ranges::replace(readable, '_', ' ');
    texts.push_back(
        fmt::format("{} {} {}", kind.count, readable, percent_text(total > 0 ? kind.share / total : 0)));
  }
  return join(texts, ", ");
}

std::string latency_sentence(const NetworkExplanation& e) {
  std::vector<double> shares;
  for (const ExplainedSubgraph& part : e.subgraphs) shares.push_back(part.share);
  std::ranges::sort(shares, std::ranges::greater{});
  double covered = 0;
  std::size_t count = 0;
  while (count < shares.size() && covered < 0.5) covered += shares[count++];
  const bool interval = e.latency_low_ms < e.latency_ms && e.latency_ms < e.latency_high_ms;
  return fmt::format("It takes {:.4g} ms{}; half of that is spent in {} of its {}: {}.", e.latency_ms,
                     interval ? fmt::format(" ({:.4g} to {:.4g})", e.latency_low_ms, e.latency_high_ms) : "",
                     count, plural(std::ssize(shares), "subgraph"),
                     largest(e, e.latency_ms, [](const ExplainedSubgraph& part) { return part.latency_ms; }));
}

// What bounds it, and whose lanes stand idle.
std::string bound_sentence(const NetworkExplanation& e) {
  std::map<std::string, double> bounds;
  for (const ExplainedSubgraph& part : e.subgraphs) bounds[part.bound] += part.share;
  std::vector<std::pair<std::string, double>> sorted(bounds.begin(), bounds.end());
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &std::pair<std::string, double>::second);
  std::vector<std::string> texts;
  for (const auto& [bound, share] : sorted) {
    if (share >= 0.005) texts.push_back(fmt::format("{} by {}", percent_text(share), bound));
  }
  return fmt::format("Its time is bound {}.", join(texts, ", "));
}

// ", and in 2 later steps": where as much is alive once more.
std::string later_peaks(const NetworkExplanation& e) {
  const std::ptrdiff_t later =
      std::ranges::count(e.memory, e.peak_memory_bytes, &MemoryMoment::live_bytes) - 1;
  return later < 1 ? "" : fmt::format(", and in {}", plural(later, "later step"));
}

std::string lanes_sentence(const NetworkExplanation& e) {
  std::map<std::string, double> idle;
  double all = 0;
  for (const ExplainedSubgraph& part : e.subgraphs) {
    if (part.bound != "compute") continue;
    const double wasted = part.latency_ms * (1 - part.lane_efficiency);
    idle[part.kind] += wasted;
    all += wasted;
  }
  std::string text = fmt::format("Lanes are filled to {} over the time", percent_text(e.lane_efficiency));
  if (all < 0.01 * e.latency_ms) return text + ".";
  const auto most = std::ranges::max_element(idle, {}, [](const auto& kind) { return kind.second; });
  std::string kind = most->first;
  std::ranges::replace(kind, '_', ' ');
  const double share = most->second / all;
  return fmt::format("{}: {} of the latency goes to lanes that stand idle, {} of that in {} subgraphs.", text,
                     percent_text(all / e.latency_ms), share > 0.995 ? "all" : percent_text(share), kind);
}

}  // namespace

std::vector<NetworkStage> stages_of(const NetworkExplanation& explanation) {
  const bool named = std::ranges::all_of(explanation.subgraphs, has_parts, &ExplainedSubgraph::name);
  std::vector<NetworkStage> stages;
  std::set<std::string> blocks;
  for (const ExplainedSubgraph& part : explanation.subgraphs) {
    const std::string name = named ? part.name.substr(0, part.name.find('.')) : resolution_of(part);
    if (stages.empty() || stages.back().name != name) {
      stages.push_back({.name = name, .resolution = ""});
      blocks.clear();
    }
    NetworkStage& stage = stages.back();
    if (const std::string block = block_of(part.name); named && !block.empty()) blocks.insert(block);
    stage.blocks = static_cast<int>(blocks.size());
    stage.resolution = resolution_of(part);
    stage.channels = part.output.channels;
    stage.widest = std::max(stage.widest, part.output.channels);
    ++stage.subgraphs;
    stage.params += part.params;
    stage.macs += part.macs;
    stage.latency_ms += part.latency_ms;
    stage.share += part.share;
  }
  return stages;
}

std::vector<std::string> describe(const NetworkExplanation& e) {
  std::vector<std::string> sentences = {fmt::format(
      "A network from {} to {}: {} that run as {}, {} deep, with {} parameters and {} MACs.", e.input_shape,
      e.output_shape, plural(e.operators, "operator"), plural(std::ssize(e.subgraphs), "subgraph"), e.depth,
      count_text(e.params), count_text(e.macs))};
  if (e.subgraphs.empty()) return sentences;
  const bool has_latency = std::isfinite(e.latency_ms);
  if (has_latency) {
    sentences.push_back(latency_sentence(e));
    sentences.push_back(fmt::format("Latency by kind of work: {}.",
                                    by_kind(e, [](const ExplainedSubgraph& part) { return part.share; })));
    sentences.push_back(bound_sentence(e));
    sentences.push_back(lanes_sentence(e));
  } else {
    sentences.push_back(fmt::format("MACs by kind of work: {}.",
                                    by_kind(e, [](const ExplainedSubgraph& part) { return part.macs; })));
  }
  sentences.push_back(fmt::format(
      "Of the parameters {}; of the MACs {}.",
      largest(e, static_cast<double>(e.params), [](const ExplainedSubgraph& part) { return part.params; }),
      largest(e, static_cast<double>(e.macs), [](const ExplainedSubgraph& part) { return part.macs; })));
  sentences.push_back(fmt::format("Memory peaks at {} while {} runs{}.",
                                  human_bytes(static_cast<std::uint64_t>(e.peak_memory_bytes)), e.peak_name,
                                  later_peaks(e)));
  if (e.extrapolated) {
    sentences.emplace_back(
        "Some of its subgraphs lie outside of what the estimator was fitted to; those are marked with ?.");
  }
  return sentences;
}

}  // namespace assay
