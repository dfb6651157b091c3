// Aligned subgraphs against a search over all alignments, and what is said about them.
#include "assay/explain/network_difference.hpp"
#include "assay/explain/network_words.hpp"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

namespace {

using namespace assay;

ExplainedSubgraph part(const std::string& name, int channels, double latency_ms,
                       const std::string& kind = "convolution") {
  ExplainedSubgraph part;
  part.name = name;
  part.kind = kind;
  part.operators = kind == "convolution" ? "conv" : "add";
  part.shape = "8x8x8 -> " + std::to_string(channels) + "x8x8";
  part.brief = "conv " + std::to_string(channels);
  part.output = {channels, 8, 8};
  part.inputs = {-1};
  part.macs = channels;
  part.latency_ms = latency_ms;
  part.bound = "compute";
  part.lane_efficiency = 0.5;
  return part;
}

NetworkExplanation network(std::vector<ExplainedSubgraph> parts) {
  NetworkExplanation explanation;
  explanation.latency_ms = 0;
  explanation.lane_efficiency = 0.5;
  for (ExplainedSubgraph& p : parts) {
    explanation.latency_ms += p.latency_ms;
    explanation.macs += p.macs;
    explanation.params += p.params;
  }
  for (ExplainedSubgraph& p : parts) p.share = p.latency_ms / explanation.latency_ms;
  explanation.latency_low_ms = explanation.latency_high_ms = explanation.latency_ms;
  explanation.subgraphs = std::move(parts);
  return explanation;
}

std::string shown(const std::vector<PartPair>& pairs) {
  std::string text;
  for (const PartPair& pair : pairs) {
    text += pair.change == PartChange::same      ? '='
            : pair.change == PartChange::changed ? '~'
            : pair.change == PartChange::removed ? '-'
                                                 : '+';
  }
  return text;
}

}  // namespace

TEST_CASE("equal networks are the same, subgraph by subgraph") {
  const NetworkExplanation a = network({part("s.a", 8, 1), part("s.b", 16, 2), part("s.c", 8, 1)});
  const std::vector<PartPair> pairs = align_subgraphs(a, a);
  CHECK(shown(pairs) == "===");
  CHECK(main_difference(a, a, pairs) == "A and B run the same subgraphs (4 ms).");
  CHECK(align_subgraphs(network({}), network({})).empty());
}

TEST_CASE("what changed, went and came is told apart") {
  const NetworkExplanation a =
      network({part("s.a", 8, 1), part("s.b", 16, 2), part("t.x", 8, 1, "elementwise")});
  const NetworkExplanation wider =
      network({part("s.a", 8, 1), part("s.b", 64, 6), part("t.x", 8, 1, "elementwise")});
  CHECK(shown(align_subgraphs(a, wider)) == "=~=");
  const std::string text = main_difference(a, wider, align_subgraphs(a, wider));
  INFO(text);
  CHECK(text.find("B takes 2 times the time of A (8 ms instead of 4 ms).") == 0);
  CHECK(text.find("Most of that, 100 %,") != std::string::npos);
  CHECK(text.find("s.b (conv 64 instead of conv 16)") != std::string::npos);

  // What goes both ways is told apart: 1.5 ms more of 4 is 4 ms more and 2.5 ms less.
  const NetworkExplanation a2 =
      network({part("s.a", 8, 1), part("s.b", 16, 2), part("t.c", 16, 3), part("t.d", 16, 1)});
  const NetworkExplanation b2 =
      network({part("s.a", 8, 1), part("s.b", 64, 5), part("t.c", 64, 0.5), part("t.d", 64, 2)});
  CHECK(
      main_difference(a2, b2, align_subgraphs(a2, b2)) ==
      "B takes 21.4 % more time than A (8.5 ms instead of 7 ms). What takes more adds 4 ms, what takes less "
      "saves 2.5 ms. Most of what is added, 75 %, comes from s.b (conv 64 instead of conv 16).");
  CHECK(main_difference(b2, a2, align_subgraphs(b2, a2))
            .find("What takes less saves 4 ms, what takes more adds 2.5 ms. Most of what is saved, 75 %, "
                  "comes from "
                  "s.b (conv 16 instead of conv 64).") != std::string::npos);

  const NetworkExplanation longer = network(
      {part("s.a", 8, 1), part("s.b", 16, 2), part("s.new", 16, 0.5), part("t.x", 8, 1, "elementwise")});
  CHECK(shown(align_subgraphs(a, longer)) == "==+=");
  CHECK(shown(align_subgraphs(longer, a)) == "==-=");
  // Another kind of work is no change of the old one.
  const NetworkExplanation other =
      network({part("s.a", 8, 1), part("s.b", 16, 2, "elementwise"), part("t.x", 8, 1, "elementwise")});
  CHECK(shown(align_subgraphs(a, other)) == "=-+=");
  CHECK(shown(align_subgraphs(a, network({}))) == "---");
}

TEST_CASE("every subgraph stands in an alignment once and in order, whatever the networks") {
  // A small generator of sequences; the alignment must use each index once, ascending.
  unsigned state = 1;
  const auto next = [&](unsigned bound) { return (state = state * 1664525u + 1013904223u) / 7919u % bound; };
  for (int trial = 0; trial < 60; ++trial) {
    const auto sequence = [&] {
      std::vector<ExplainedSubgraph> parts;
      for (unsigned i = 0, n = next(12); i < n; ++i)
        parts.push_back(part("s" + std::to_string(next(3)) + ".p" + std::to_string(next(4)),
                             static_cast<int>(8 * (1 + next(3))), 1,
                             next(4) == 0 ? "elementwise" : "convolution"));
      return network(std::move(parts));
    };
    const NetworkExplanation a = sequence(), b = sequence();
    int in_a = 0, in_b = 0;
    for (const PartPair& pair : align_subgraphs(a, b)) {
      if (pair.a >= 0) CHECK(pair.a == in_a++);
      if (pair.b >= 0) CHECK(pair.b == in_b++);
      CHECK((pair.change == PartChange::removed) == (pair.b < 0));
      CHECK((pair.change == PartChange::added) == (pair.a < 0));
    }
    CHECK(in_a == std::ssize(a.subgraphs));
    CHECK(in_b == std::ssize(b.subgraphs));
    // Both ways give as much in common.
    const auto same = [](const std::vector<PartPair>& pairs) {
      return std::ranges::count(pairs, PartChange::same, &PartPair::change);
    };
    CHECK(same(align_subgraphs(a, b)) == same(align_subgraphs(b, a)));
  }
}

TEST_CASE("a peak that is reached more than once is said to be") {
  NetworkExplanation explanation = network({part("s.a", 8, 1), part("s.b", 16, 2)});
  explanation.peak_memory_bytes = 2048;
  explanation.peak_name = "s.a";
  explanation.memory = {{"s.a", "s.a", 2048}, {"s.b", "s.b", 1024}};
  const auto says = [&](const std::string& sentence) {
    const std::vector<std::string> all = describe(explanation);
    return std::ranges::find(all, sentence) != all.end();
  };
  CHECK(says("Memory peaks at 2.00 KiB while s.a runs."));
  explanation.memory[1].live_bytes = 2048;
  CHECK(says("Memory peaks at 2.00 KiB while s.a runs, and in 1 later step."));
}

TEST_CASE("stages go by names where these have parts, else by resolution") {
  const NetworkExplanation named = network({part("stem.conv", 8, 1), part("stage1.block1.a", 16, 2),
                                            part("stage1.block2.a", 24, 1), part("head.fc", 10, 1)});
  const std::vector<NetworkStage> stages = stages_of(named);
  REQUIRE(stages.size() == 3);
  CHECK(stages[1].name == "stage1");
  CHECK(stages[1].blocks == 2);
  CHECK(stages[1].subgraphs == 2);
  CHECK(stages[1].channels == 24);
  CHECK(stages[1].latency_ms == 3);
  CHECK(stages[1].share == doctest::Approx(0.6));
  NetworkExplanation plain = network({part("conv1", 8, 1), part("conv2", 16, 2), part("fc", 10, 1)});
  plain.subgraphs[2].output = {10, 1, 1};
  REQUIRE(stages_of(plain).size() == 2);
  CHECK(stages_of(plain)[0].name == "8x8");
  CHECK(stages_of(plain)[0].widest == 16);
}
