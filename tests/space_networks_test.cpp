// Spaces from the literature, written in the grammar, against their published parameter counts: the grammar
// is general when these come out to the last parameter.
#include "assay/base/text.hpp"
#include "assay/space/codec.hpp"
#include "assay/space/space.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

namespace {

using namespace assay;

Space shipped(const std::string& name) {
  return Space::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/" + name + ".toml");
}
Space example(const std::string& name) {
  return Space::load(std::string(ASSAY_SOURCE_DIR) + "/tests/spaces/" + name + ".toml");
}

std::int64_t parameters(const Space& space, const std::string& candidate) {
  return space.decode(candidate_from_text(space, candidate, "test")).parameters();
}

std::string cell(const std::string& op) {
  std::string text;
  for (const char* edge : {"0_1", "0_2", "1_2", "0_3", "1_3", "2_3"})
    text += std::string("cell.edge_") + edge + "=" + op + " ";
  return text;
}

TEST_CASE("fixed networks have their published parameters and operations") {
  struct Published {
    const char* space;
    const char* candidate;
    std::int64_t parameters;
    std::int64_t macs;  // 0: not published for convolutions and linear layers alone
  };
  const Published networks[] = {
      {"resnet", "variant=resnet18", 11'689'512, 1'814'073'344},
      {"resnet", "variant=resnet34", 21'797'672, 3'663'761'408},
      {"resnet", "variant=resnet50", 25'557'032, 4'089'184'256},
      {"resnet", "variant=resnet101", 44'549'160, 7'801'405'440},
      {"resnet", "variant=resnext50", 25'028'904, 0},
      {"regnet", "variant=x400mf", 5'495'976, 0},
      {"regnet", "variant=x800mf", 7'259'656, 0},
      {"regnet", "variant=x1.6gf", 9'190'136, 0},
      {"regnet", "variant=x3.2gf", 15'296'552, 0},
      {"regnet", "variant=x8.0gf", 39'572'648, 0},
      {"regnet", "variant=y400mf", 4'344'144, 0},
      {"regnet", "variant=y800mf", 6'432'512, 0},
      {"regnet", "variant=y1.6gf", 11'202'430, 0},
      {"regnet", "variant=y3.2gf", 19'436'338, 0},
      {"mobilenet_v1", "", 4'231'976, 568'740'352},
      {"mobilenet_v3", "", 5'483'032, 0},
      {"efficientnet_b0", "", 5'288'548, 0},
      {"efficientnet_v2_s", "", 21'458'488, 0},
      {"wide_resnet", "", 36'479'194, 0},
      {"shufflenet_v2", "width=x0.5", 1'366'792, 0},
      {"shufflenet_v2", "width=x1.0", 2'278'604, 0},
      {"shufflenet_v2", "width=x1.5", 3'503'624, 0},
      {"shufflenet_v2", "width=x2.0", 7'393'996, 0},
  };
  for (const Published& network : networks) {
    CAPTURE(network.space);
    CAPTURE(network.candidate);
    const Space space = example(network.space);
    const Network built = space.decode(candidate_from_text(space, network.candidate, "test"));
    CHECK(built.parameters() == network.parameters);
    if (network.macs > 0) CHECK(built.macs() == network.macs);
  }
}

TEST_CASE("MobileNetV2 is one candidate of its space") {
  const Space space = shipped("mobilenetv2");
  const std::string kernels =
      "stage1.kernel=3 stage2.kernel=3 stage3.kernel=3 stage4.kernel=3 stage5.kernel=3 stage6.kernel=3 "
      "stage7.kernel=3 ";
  const std::string expansions =
      "stage2.expansion=6 stage3.expansion=6 stage4.expansion=6 stage5.expansion=6 stage6.expansion=6 "
      "stage7.expansion=6 ";
  const std::string rest =
      "stage2.depth=2 stage3.depth=3 stage4.depth=4 stage5.depth=3 stage6.depth=3 stage7.depth=1 "
      "input.resolution=224 ";
  const std::string all = kernels + expansions + rest;
  CHECK(parameters(space, all + "depth_multiplier=1.0") == 3'504'872);
  CHECK(parameters(space, all + "depth_multiplier=1.4") == 6'108'776);
  CHECK(parameters(space, all + "depth_multiplier=0.5") == 1'968'680);
  const Network network = space.decode(candidate_from_text(space, all + "depth_multiplier=1.0", "test"));
  CHECK(network.macs() == 300'774'272);
  CHECK(network.input_shape() == Shape{3, 224, 224});
  CHECK(network.output_shape() == Shape{1000, 1, 1});
}

TEST_CASE("NAS-Bench-201 cells reach the published extremes") {
  const Space space = shipped("nasbench201");
  CHECK(space.size().digits == "15625");
  CHECK(parameters(space, cell("none")) == 73'306);
  CHECK(parameters(space, cell("skip")) == 73'306);
  CHECK(parameters(space, cell("conv1x1")) == 241'306);
  CHECK(parameters(space, cell("conv3x3")) == 1'531'546);
}

TEST_CASE("the NATS-Bench size space has 32,768 candidates and NAS-Bench-201's skeleton") {
  const Space space = shipped("nats_size");
  CHECK(space.size().digits == "32768");
  const Network network = space.decode(candidate_from_text(
      space, "width1.channels=64 width2.channels=64 width3.channels=64 width4.channels=64 width5.channels=64",
      "test"));
  CHECK(network.output_shape() == Shape{10, 1, 1});
  // Stem, 3 cells of five 3x3 convolutions, 2 reductions of two 3x3 and a 1x1, last batch norm, classifier.
  const int conv3x3 = 64 * 64 * 9 + 128;
  CHECK(network.parameters() == 3 * 64 * 9 + 128 + 3 * 5 * conv3x3 + 2 * (2 * conv3x3 + 64 * 64) + 128 + 650);
}

TEST_CASE("a NAS-Bench-101 cell splits, cuts and projects channels as published") {
  const Space space = example("nasbench101");
  const auto candidate = [](std::initializer_list<const char*> edges, const std::string& ops) {
    std::string text = ops;
    for (int to = 1; to < 7; ++to)
      for (int from = 0; from < to; ++from) {
        const std::string edge = std::to_string(from) + "_" + std::to_string(to);
        const bool on = std::find(edges.begin(), edges.end(), edge) != edges.end();
        text += " cell.edge_" + edge + (on ? "=1" : "=0");
      }
    return text;
  };
  // The example of the benchmark's own documentation.
  CHECK(parameters(space, candidate({"0_1", "0_2", "0_3", "0_5", "1_6", "2_6", "3_4", "4_6", "5_6"},
                                    "cell.op_1=conv1x1 cell.op_2=conv3x3 cell.op_3=conv3x3 cell.op_4=conv3x3 "
                                    "cell.op_5=maxpool3x3")) == 2'694'282);
  // Nodes 3 to 5 lead nowhere: pruned, they neither cost parameters nor take channels.
  const std::string ops =
      "cell.op_1=conv3x3 cell.op_2=conv3x3 cell.op_3=conv3x3 cell.op_4=conv1x1 cell.op_5=conv1x1";
  CHECK(parameters(space, candidate({"0_1", "1_2", "2_6"}, ops)) ==
        parameters(space, candidate({"0_1", "1_2", "2_6", "0_3", "3_4", "1_5"}, ops)));
  // Not connected, or too many edges: not in the space.
  CHECK(
      !space.violated_constraint(candidate_from_text(space, candidate({"0_1", "1_2"}, ops), "test")).empty());
  CHECK(
      !space
           .violated_constraint(candidate_from_text(
               space, candidate({"0_1", "0_2", "0_3", "0_4", "0_5", "0_6", "1_6", "2_6", "3_6", "4_6"}, ops),
               "test"))
           .empty());
  CHECK(space.violated_constraint(candidate_from_text(space, candidate({"0_6"}, ops), "test")).empty());
}

TEST_CASE("given names for the entries of an adjacency matrix, as references or as expressions") {
  const Space space = example("nasbench101_named"), plain = example("nasbench101");
  for (std::uint64_t i = 0; i < 20; ++i) {
    Random random(31, Purpose::sample, 0, i);
    const Candidate drawn = plain.sample(random);
    std::string text;
    for (std::size_t d = 0; d < drawn.choices.size(); ++d) {
      std::string name = plain.decisions()[d].name.substr(5);  // "edge_0_1", "op_1"
      std::string option = plain.decisions()[d].options[drawn.choices[d]];
      if (name.starts_with("edge_")) name = "adj_" + name.substr(5, 1) + "-" + name.substr(7);
      if (option.starts_with("conv")) option += "-bn-relu";
      text += name + "=" + option + " ";
    }
    CAPTURE(text);
    const Candidate named = candidate_from_text(space, text, "test");
    CHECK(space.violated_constraint(named).empty());
    CHECK(space.decode(named).parameters() == plain.decode(drawn).parameters());
  }
  // Of four nodes: 47 of the 64 matrices lead from the input to the output, three operators on each inner
  // node.
  std::string decisions = "[decisions]\n", references, expressions;
  for (int to = 1; to < 4; ++to)
    for (int from = 0; from < to; ++from) {
      const std::string entry = "adj_" + std::to_string(from) + "-" + std::to_string(to);
      const std::string edge = "edge_" + std::to_string(from) + "_" + std::to_string(to);
      decisions += "\"" + entry +
                   "\" = [{ name = \"0\", value = \"none\" }, { name = \"1\", value = \"identity\" }]\n";
      references += edge + " = \"$" + entry + "\"\n";
      expressions += edge + " = \"if(${" + entry + "} == 1, 'identity', 'none')\"\n";
    }
  for (const std::string& edges : {references, expressions}) {
    const Space small =
        Space::parse("name = \"small\"\nclasses = 10\n[input]\nchannels = 3\nresolution = 8\n" + decisions +
                         "[block.cell]\nnodes = 4\nnode_channels = \"split\"\n" + edges +
                         "op = [\"conv\", \"depthwise\", \"max_pool\"]\n[[stage]]\nname = \"s\"\n"
                         "block = \"cell\"\nchannels = 8\n",
                     "small.toml");
    CHECK(small.size().digits == "423");
    small.enumerate([&](const Candidate& candidate) {
      CHECK(small.decode(candidate).parameters() >= 0);
      return true;
    });
  }
}

TEST_CASE("the DARTS cell of the second-order search has its published 3.349342 million parameters") {
  const Space space = example("darts");
  const auto node = [](const std::string& cell, int number, int a, const std::string& op_a, int b,
                       const std::string& op_b) {
    const std::string name = cell + ".node" + std::to_string(number);
    return name + ".a.from=" + std::to_string(a) + " " + name + ".a=" + op_a + " " + name +
           ".b.from=" + std::to_string(b) + " " + name + ".b=" + op_b + " ";
  };
  CHECK(parameters(space, node("normal", 2, 0, "sep_conv_3x3", 1, "sep_conv_3x3") +
                              node("normal", 3, 0, "sep_conv_3x3", 1, "sep_conv_3x3") +
                              node("normal", 4, 0, "skip", 1, "sep_conv_3x3") +
                              node("normal", 5, 0, "skip", 2, "dil_conv_3x3") +
                              node("reduce", 2, 0, "max_pool_3x3", 1, "max_pool_3x3") +
                              node("reduce", 3, 1, "max_pool_3x3", 2, "skip") +
                              node("reduce", 4, 0, "max_pool_3x3", 2, "skip") +
                              node("reduce", 5, 1, "max_pool_3x3", 2, "skip")) == 3'349'342);
}

TEST_CASE("spaces have their published numbers of candidates") {
  CHECK(example("nasbench_macro").size().digits == "6561");
  CHECK(example("transnas_macro").size().digits == "3256");
  // (9^2 + 9^3 + 9^4)^5 for blocks behind elastic depths, times four resolutions.
  CHECK(example("ofa_mobilenet").size().digits == "87034621970289943404");
}

// A 1x1 convolution with batch norm stands in for an identity whose shapes differ.
TEST_CASE("identity as a block option") {
  const Space space = example("nasbench_macro");
  const auto code = [](const std::string& digits) {
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i)
      text += "layer" + std::to_string(i + 1) + "=" + digits[i] + " ";
    return text;
  };
  const int stem = 3 * 32 * 9 + 64, last = 256 * 1280 + 2560, head = 1280 * 10 + 10;
  const int projections = 32 * 64 + 128 + 64 * 128 + 256 + 128 * 256 + 512;
  CHECK(parameters(space, code("00000000")) == stem + projections + last + head);
}

std::string option(const Space& space, const Candidate& candidate, const std::string& decision) {
  for (std::size_t d = 0; d < candidate.choices.size(); ++d)
    if (space.decisions()[d].name == decision) return space.decisions()[d].options[candidate.choices[d]];
  FAIL("no decision " << decision);
  return "";
}

// Counted by hand from the papers' descriptions: every cell has the same edges, at 16, 32 and 64 channels,
// five cells each; no convolution has a bias, each has a batch norm.
TEST_CASE("NAS-Bench-201 candidates have the parameters of the closed formula") {
  const Space space = shipped("nasbench201");
  for (std::uint64_t i = 0; i < 12; ++i) {
    Random random(37, Purpose::sample, 0, i);
    const Candidate candidate = space.sample(random);
    std::int64_t conv1x1 = 0, conv3x3 = 0;
    for (const char* edge : {"0_1", "0_2", "1_2", "0_3", "1_3", "2_3"}) {
      const std::string op = option(space, candidate, std::string("cell.edge_") + edge);
      conv1x1 += op == "conv1x1";
      conv3x3 += op == "conv3x3";
    }
    std::int64_t expected = 3 * 16 * 9 + 2 * 16;  // stem
    for (const std::int64_t c : {16, 32, 64})
      expected += 5 * (conv3x3 * (9 * c * c + 2 * c) + conv1x1 * (c * c + 2 * c));
    for (const std::int64_t c :
         {32, 64})  // residual reduction: two 3x3, a 1x1 without batch norm as shortcut
      expected += 9 * (c / 2) * c + 2 * c + 9 * c * c + 2 * c + (c / 2) * c;
    expected += 2 * 64 + 64 * 10 + 10;
    CAPTURE(to_text(space, candidate));
    CHECK(space.decode(candidate).parameters() == expected);
  }
}

TEST_CASE("MnasNet candidates have the parameters of the closed formula") {
  const Space space = shipped("mnasnet_accel");
  for (std::uint64_t i = 0; i < 12; ++i) {
    Random random(41, Purpose::sample, 0, i);
    const Candidate candidate = space.sample(random);
    std::int64_t in = 32, expected = 3 * 32 * 9 + 2 * 32;
    int stage = 0;
    for (const std::int64_t out : {16, 24, 40, 80, 112, 192, 320}) {
      const std::string prefix = "stage" + std::to_string(++stage) + ".";
      const auto number = [&](const char* name) {
        return std::stoll(option(space, candidate, prefix + name));
      };
      const std::int64_t depth = number("depth"), expansion = number("expansion"), kernel = number("kernel");
      for (std::int64_t block = 0; block < depth; ++block) {
        const std::int64_t expanded = in * expansion, squeezed = in / 4;
        if (expansion > 1) expected += in * expanded + 2 * expanded;
        expected += kernel * kernel * expanded + 2 * expanded;
        if (option(space, candidate, prefix + "se") == "true")
          expected += expanded * squeezed + squeezed + squeezed * expanded + expanded;
        expected += expanded * out + 2 * out;
        in = out;
      }
    }
    expected += 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000;
    CAPTURE(to_text(space, candidate));
    CHECK(space.decode(candidate).parameters() == expected);
  }
}

// The published tables are not part of this repository; with ASSAY_DATA naming their folder they are checked
// row by row.
TEST_CASE("parameters equal the published tables, row by row (set ASSAY_DATA to the folder of the tables)" *
          doctest::skip(std::getenv("ASSAY_DATA") == nullptr)) {
  const char* folder = std::getenv("ASSAY_DATA");
  REQUIRE(folder != nullptr);
  const std::pair<const char*, const char*> tables[] = {{"nasbench201", "nasbench201_cifar10.csv"},
                                                        {"mnasnet_accel", "accel_nasbench_imagenet.csv"}};
  for (const auto& [name, file] : tables) {
    const std::string path = std::string(folder) + "/" + file;
    std::ifstream in(path);
    REQUIRE_MESSAGE(in.good(), path);
    const Space space = shipped(name);
    CandidateReader reader(space, in, path);
    const auto column =
        std::find(reader.columns().begin(), reader.columns().end(), "params") - reader.columns().begin();
    CandidateRow row;
    int rows = 0, different = 0;
    while (reader.next(row)) {
      ++rows;
      const auto published = parse_integer(row.fields[static_cast<std::size_t>(column)]);
      if (space.decode(row.candidate).parameters() != published) ++different;
    }
    CAPTURE(path);
    CHECK(rows >= 1000);
    CHECK(different == 0);
  }
}

}  // namespace
