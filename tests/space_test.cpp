// Decisions, their activity, counting, sampling, variation and the candidate files.
#include "assay/space/space.hpp"

#include "assay/base/error.hpp"
#include "assay/space/codec.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

namespace {

using namespace assay;

const std::string kTop = R"toml(
name = "test"
classes = 10
[input]
channels = 3
height = 32
width = 32
)toml";

Space parse(const std::string& stages) {
  return Space::parse(kTop + stages, "test.toml");
}

std::vector<std::string> names(const Space& space) {
  std::vector<std::string> all;
  for (const Decision& decision : space.decisions()) all.push_back(decision.name);
  return all;
}

std::vector<Candidate> all(const Space& space) {
  std::vector<Candidate> candidates;
  space.enumerate([&](const Candidate& candidate) {
    candidates.push_back(candidate);
    return candidates.size() < 100'000;
  });
  return candidates;
}

// Three kinds of control at once: depth, an option's own attributes, a shared decision that several stages
// use.
const std::string kEntangled = R"toml(
[decisions]
act = ["relu", "h_swish", "silu"]
[[stage]]
name = "stem"
block = "conv"
order = "conv_bn"
channels = 8
[[stage]]
name = "a"
block = ["identity", { name = "ib", type = "ibn", expansion = [2, 4], activation = "$act" }]
depth = [0, 1, 2]
kernel = { each_block = [3, 5] }
[[stage]]
name = "b"
block = ["conv", "depthwise"]
order = "conv_bn_act"
depth = [0, 1]
channels = [8, 16]
kernel = [3, 5]
activation = "$act"
[[stage]]
name = "head"
block = "classifier"
)toml";

TEST_CASE("arrays become decisions named by their place, in the file's order") {
  const Space space = parse(R"toml(
[defaults]
activation = ["relu", "silu"]
[[stage]]
name = "stem"
block = "conv"
channels = [8, 16]
stride = 2
[[stage]]
name = "s"
block = ["ibn", { name = "wide", type = "fused_ibn", expansion = [2, 3] }]
depth = [1, 2]
kernel = { each_block = [3, 5] }
se = [false, 0.5]
)toml");
  CHECK(names(space) == std::vector<std::string>{"activation", "stem.channels", "s.block", "s.wide.expansion",
                                                 "s.depth", "s.block1.kernel", "s.block2.kernel", "s.se"});
  CHECK(space.decisions()[2].options == std::vector<std::string>{"ibn", "wide"});
  CHECK(space.decisions()[7].options == std::vector<std::string>{"false", "0.5"});
}

TEST_CASE("attributes of a block that was not chosen are inactive") {
  const Space space = parse(R"toml(
[[stage]]
name = "s"
block = ["ibn", "conv"]
channels = 8
expansion = [2, 3, 4]
kernel = [3, 5]
)toml");
  CHECK(space.size().digits == "8");  // ibn: 3 x 2, conv: 2
  const Candidate conv = candidate_from_text(space, "s.block=conv s.expansion=4 s.kernel=5", "test");
  CHECK(to_text(space, conv) == "s.block=conv s.expansion=2 s.kernel=5");
}

TEST_CASE("enumeration visits every distinct candidate once, in order, and agrees with the exact size") {
  const Space space = parse(kEntangled);
  const std::vector<Candidate> candidates = all(space);
  // a: depth 0: 1. identity: depth 1 or 2: 2. ib: expansion 2 x (2 + 4) kernels = 12 with act.
  // b: depth 0: 1. conv: 2 channels x 2 kernels with act; depthwise: channels do not matter: 2 kernels, with
  // act. act matters in all but (3 of a) x (1 of b).
  CHECK(space.size().digits == std::to_string(3 * 1 + 3 * (12 * 1 + 3 * 6 + 12 * 6)));
  CHECK(std::to_string(candidates.size()) == space.size().digits);
  std::set<std::vector<std::uint16_t>> distinct;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    distinct.insert(candidates[i].choices);
    CHECK(space.normalised(candidates[i]) == candidates[i]);
    if (i > 0) CHECK(candidates[i - 1].choices < candidates[i].choices);
  }
  CHECK(distinct.size() == candidates.size());
}

TEST_CASE("sampling is uniform over the distinct candidates") {
  const Space space = parse(kEntangled);
  const std::vector<Candidate> candidates = all(space);
  std::map<std::vector<std::uint16_t>, int> counts;
  const int per_candidate = 100;
  const int draws = per_candidate * static_cast<int>(candidates.size());
  Random random(7, Purpose::sample);
  for (int i = 0; i < draws; ++i) ++counts[space.sample(random).choices];
  CHECK(counts.size() == candidates.size());
  double chi_squared = 0;
  for (const auto& [choices, count] : counts)
    chi_squared += (count - per_candidate) * (count - per_candidate) / double{per_candidate};
  // Mean n - 1, standard deviation sqrt(2 (n - 1)): five of them for a seed that never changes.
  const double freedom = static_cast<double>(candidates.size()) - 1;
  CHECK(chi_squared < freedom + 5 * std::sqrt(2 * freedom));
}

TEST_CASE("sizes outgrow 64 bits exactly") {
  std::string stages = "[[stage]]\nname = \"s0\"\nblock = \"conv\"\nchannels = 8\n";
  for (int i = 1; i <= 50; ++i)
    stages += "[[stage]]\nname = \"s" + std::to_string(i) +
              "\"\nblock = \"ibn\"\nkernel = [3, 5, 7]\nexpansion = [1, 2]\n";
  CHECK(parse(stages).size().digits == "808281277464764060643139600456536293376");  // 6^50
}

TEST_CASE("constraints are counted, sampled and enumerated") {
  const Space space = parse(R"toml(
[[stage]]
name = "a"
block = "conv"
channels = [8, 16, 32]
[[stage]]
name = "b"
block = "conv"
channels = [8, 16, 32]
)toml");
  CHECK(space.size().digits == "9");
  const std::string monotone = "constraints = [\"a.channels <= b.channels\", \"params <= 3000\"]\n";
  const Space constrained = Space::parse(monotone + kTop + R"toml(
[[stage]]
name = "a"
block = "conv"
channels = [8, 16, 32]
[[stage]]
name = "b"
block = "conv"
channels = [8, 16, 32]
)toml",
                                         "test.toml");
  // Of the six monotone ones only those into 32 channels from 16 or 32 have more than 3,000 parameters.
  CHECK(constrained.size().digits == "4");
  CHECK(constrained.size().constraints_counted);
  for (std::uint64_t i = 0; i < 50; ++i) {
    Random random(3, Purpose::sample, 0, i);
    const Candidate candidate = constrained.sample(random);
    CHECK(constrained.violated_constraint(candidate).empty());
    CHECK(constrained.decode(candidate).parameters() <= 3000);
    const Candidate child = constrained.mutate(candidate, random, 0.1);
    CHECK(child != candidate);
    CHECK(constrained.violated_constraint(child).empty());
  }
  CHECK(constrained.violated_constraint(candidate_from_text(constrained, "a.channels=32 b.channels=8",
                                                            "test")) == "a.channels <= b.channels");
}

TEST_CASE("constraints over groups of decisions") {
  const Space space = Space::parse(
      "constraints = [\"count(*.block, 'ibn') == 2\", \"sum(*.kernel) <= 12\"]\n" + kTop + R"toml(
[[stage]]
name = "a"
block = ["conv", "ibn"]
kernel = [3, 5]
[[stage]]
name = "b"
block = ["conv", "ibn"]
kernel = [3, 5]
[[stage]]
name = "c"
block = ["conv", "ibn"]
kernel = [3, 5]
)toml",
      "test.toml");
  // Three choices of two inverted bottlenecks, times the kernels with at most one 5 (3 + 3 + 5 = 11).
  CHECK(space.size().digits == "12");
}

TEST_CASE("mutation changes at least one active decision and stays valid and normal") {
  const Space space = parse(kEntangled);
  std::set<std::size_t> distances;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(11, Purpose::mutate, 0, i);
    const Candidate parent = space.sample(random);
    const Candidate child = space.mutate(parent, random, 0.2);
    CHECK(child != parent);
    CHECK(space.normalised(child) == child);
    CHECK(space.decode(child).parameters() > 0);
    std::size_t distance = 0;
    for (std::size_t d = 0; d < child.choices.size(); ++d)
      distance += child.choices[d] != parent.choices[d] ? 1 : 0;
    distances.insert(distance);
  }
  CHECK(distances.contains(1));
  CHECK(distances.size() > 2);
}

TEST_CASE("crossover takes each decision from a parent that has an opinion on it") {
  const Space space = parse(kEntangled);
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(13, Purpose::crossover, 0, i);
    const Candidate a = space.sample(random), b = space.sample(random);
    const Candidate child = space.crossover(a, b, random);
    CHECK(space.normalised(child) == child);
    CHECK(space.decode(child).parameters() > 0);
    for (std::size_t d = 0; d < child.choices.size(); ++d) {
      const bool inherited = child.choices[d] == a.choices[d] || child.choices[d] == b.choices[d];
      // Only where neither parent's choice mattered, or the child's does not, may it differ from both.
      if (!inherited) CHECK((child.choices[d] == 0 || (a.choices[d] == 0 && b.choices[d] == 0)));
    }
  }
}

TEST_CASE("the same seed gives the same candidates") {
  const Space space = parse(kEntangled);
  for (std::uint64_t i = 0; i < 20; ++i) {
    Random first(5, Purpose::sample, 1, i), second(5, Purpose::sample, 1, i);
    CHECK(space.sample(first) == space.sample(second));
  }
}

TEST_CASE("the depth multiplier scales numbers and decisions, not expressions") {
  const Space space =
      Space::parse("depth_multiplier = [0.5, 1.0, 2.0]\nchannel_divisor = 8\n" + kTop + R"toml(
[[stage]]
name = "a"
block = "conv"
channels = 20
[[stage]]
name = "b"
block = "conv"
channels = "in + 1"
)toml",
                   "test.toml");
  const auto widths = [&](const std::string& multiplier) {
    const Network network =
        space.decode(candidate_from_text(space, "depth_multiplier=" + multiplier, "test"));
    return std::pair(network.shape(1).channels, network.output_shape().channels);
  };
  CHECK(widths("1.0") == std::pair(20, 21));  // 1 leaves channels as they are
  CHECK(widths("0.5") == std::pair(16, 17));  // 10 rounds to 8, but that is below 90 %
  CHECK(widths("2.0") == std::pair(40, 41));
}

TEST_CASE("a user's block takes parameters, and fresh decisions for each stage or block") {
  const std::string stages = R"toml(
[[stage]]
name = "stem"
block = "conv"
channels = 8
[[stage]]
name = "x"
block = "unit"
depth = 2
squeeze = [2, 4]
[[stage]]
name = "y"
block = "unit"
stride = 2
channels = 16
)toml";
  const auto unit = [](const std::string& fresh) {
    return "[block.unit]\n" + fresh + R"toml(
parameters = { squeeze = 4, activation = "relu" }
[[block.unit.node]]
name = "small"
block = "conv"
kernel = [1, 3]
channels = "max(1, block.out // squeeze)"
activation = "activation"
[[block.unit.node]]
name = "wide"
block = "conv"
order = "conv_bn"
[[block.unit.node]]
name = "sum"
inputs = ["wide", { from = "in", block = "identity" }]
[[block.unit.node]]
block = "activation"
activation = "activation"
)toml";
  };
  CHECK(names(parse(unit("") + stages)) == std::vector<std::string>{"unit.small.kernel", "x.squeeze"});
  CHECK(names(parse(unit("fresh = \"stage\"") + stages)) ==
        std::vector<std::string>{"x.unit.small.kernel", "y.unit.small.kernel", "x.squeeze"});
  CHECK(names(parse(unit("fresh = \"block\"") + stages)) ==
        std::vector<std::string>{"x.block1.unit.small.kernel", "x.block2.unit.small.kernel",
                                 "y.block1.unit.small.kernel", "x.squeeze"});
  const Space space = parse(unit("") + stages);
  const Network network = space.decode(candidate_from_text(space, "unit.small.kernel=1 x.squeeze=2", "test"));
  CHECK(network.output_shape() == Shape{16, 16, 16});
  const int stem = 3 * 8 * 9 + 16, x = 8 * 4 + 8 + 4 * 8 * 9 + 16,
            y = 8 * 4 + 8 + 4 * 16 * 9 + 32 + 8 * 16 + 32;
  CHECK(network.parameters() == stem + 2 * x + y);
  REQUIRE(network.blocks().size() == 4);
  CHECK(network.blocks()[1].name == "x.block1");
}

TEST_CASE("stages may read earlier stages, at another resolution") {
  const Space space = parse(R"toml(
[[stage]]
name = "fine"
block = "conv"
channels = 8
[[stage]]
name = "coarse"
block = "conv"
stride = 2
channels = 16
[[stage]]
name = "joined"
inputs = ["fine", { from = "coarse", block = "resize", height = "height(fine)", width = "width(fine)" }]
aggregate = "concat"
)toml");
  CHECK(space.decode(candidate_from_text(space, "", "test")).output_shape() == Shape{24, 32, 32});
}

TEST_CASE("layer norms, shuffles and every resize are blocks") {
  const Space space = parse(R"toml(
[[stage]]
name = "stem"
block = "conv"
channels = 12
[[stage]]
name = "norm"
block = "layer_norm"
[[stage]]
name = "shuffle"
block = "channel_shuffle"
groups = [2, 3]
[[stage]]
name = "up"
block = "resize"
scale = 2
mode = ["nearest_floor", "bilinear_align_corners"]
)toml");
  const Network network =
      space.decode(candidate_from_text(space, "shuffle.groups=3 up.mode=bilinear_align_corners", "test"));
  CHECK(network.output_shape() == Shape{12, 64, 64});
  CHECK(network.parameters() == 3 * 12 * 9 + 2 * 12 + 2 * 12);
  const Operator& up = network.op(network.output());
  CHECK(up.resize_mode == ResizeMode::bilinear_align_corners);
  const Operator& shuffle = network.op(network.inputs(network.output())[0]);
  CHECK(shuffle.kind == OpKind::channel_shuffle);
  CHECK(shuffle.groups == 3);
}

TEST_CASE("a dense cell with a stride applies it to the edges from its input") {
  const Space space = parse(R"toml(
[block.skip]
type = "identity"
projection = "act_conv_bn"
[block.cell]
nodes = 3
edge = ["none", "skip", { name = "conv", type = "conv", order = "act_conv_bn" }]
[[stage]]
name = "s"
block = "cell"
channels = 6
stride = 2
)toml");
  const auto parameters = [&](const std::string& a, const std::string& b, const std::string& c) {
    const Network network = space.decode(candidate_from_text(
        space, "cell.edge_0_1=" + a + " cell.edge_0_2=" + b + " cell.edge_1_2=" + c, "test"));
    CHECK(network.output_shape() == Shape{6, 16, 16});
    return network.parameters();
  };
  const int projection = 3 * 6 + 12, conv = 3 * 6 * 9 + 12, inner = 6 * 6 * 9 + 12;
  CHECK(parameters("skip", "none", "skip") == projection);
  CHECK(parameters("conv", "skip", "conv") == conv + projection + inner);
  CHECK(parameters("none", "none", "none") == 0);
  // An edge from a node that is zero is still there, as the published counts have it.
  CHECK(parameters("none", "none", "conv") == inner);
}

TEST_CASE("loose ends are the nodes that nothing reads") {
  const Space space = parse(R"toml(
[block.cell]
inputs = 2
preprocess = { type = "conv", kernel = 1 }
output = "loose_ends"
[[block.cell.node]]
name = "a"
inputs = [{ from = "in0", block = "conv" }, { from = "in1", block = "identity" }]
[[block.cell.node]]
name = "b"
inputs = [{ name = "b.left", from = ["in1", "a"], block = "identity" }]
[[stage]]
name = "stem"
block = "conv"
channels = 4
[[stage]]
name = "small"
block = "conv"
stride = 2
channels = 6
[[stage]]
name = "s"
block = "cell"
channels = 8
)toml");
  CHECK(names(space) == std::vector<std::string>{"cell.b.left.from"});
  // in0 is the stem at twice the resolution; its preprocessing brings it down.
  CHECK(space.decode(candidate_from_text(space, "cell.b.left.from=in1", "test")).output_shape() ==
        Shape{16, 16, 16});
  CHECK(space.decode(candidate_from_text(space, "cell.b.left.from=a", "test")).output_shape() ==
        Shape{8, 16, 16});
}

TEST_CASE("an alias with fresh decisions") {
  const std::string stages = R"toml(
[[stage]]
name = "x"
block = "unit"
depth = [1, 2]
[[stage]]
name = "y"
block = "unit"
)toml";
  const auto alias = [](const std::string& fresh) {
    return "[block.unit]\ntype = \"ibn\"\nkernel = [3, 5]\n" + fresh;
  };
  CHECK(names(parse(alias("") + stages)) == std::vector<std::string>{"unit.kernel", "x.depth"});
  CHECK(names(parse(alias("fresh = \"stage\"") + stages)) ==
        std::vector<std::string>{"x.unit.kernel", "y.unit.kernel", "x.depth"});
  const Space each = parse(alias("fresh = \"block\"") + stages);
  CHECK(each.size().digits == "12");  // y.block1: 2, times x: depth 1: 2, depth 2: 4
}

TEST_CASE("an expression can choose the block") {
  const Space space = parse(R"toml(
[[stage]]
name = "s"
block = "if(index % 2 == 0, 'conv', 'depthwise')"
channels = 8
depth = 3
)toml");
  const Network network = space.decode(candidate_from_text(space, "", "test"));
  CHECK(network.parameters() == 3 * 8 * 9 + 16 + 8 * 9 + 16 + 8 * 8 * 9 + 16);
}

TEST_CASE("candidate files: CSV, with extra columns, other number formats and any column order") {
  const Space space = parse(kEntangled);
  std::istringstream in(
      "note,b.kernel,act,a.block,a.ib.expansion,a.depth,a.block1.kernel,a.block2.kernel,b.block,b.depth,b."
      "channels\r\n"
      "\"x, y\",5.0,silu,ib,4,1,3,3,conv,1,16\r\n");
  CandidateReader reader(space, in, "c.csv");
  CHECK(!reader.is_json());
  CandidateRow row;
  REQUIRE(reader.next(row));
  CHECK(row.fields[0] == "x, y");
  CHECK(row.line == 2);
  CHECK(to_text(space, row.candidate).find("b.kernel=5") != std::string::npos);
  CHECK(!reader.next(row));
}

TEST_CASE("candidate files: JSON lines") {
  const Space space =
      parse("[[stage]]\nname = \"s\"\nblock = \"ibn\"\nchannels = 8\nse = [false, true]\nkernel = [3, 5]\n");
  std::istringstream in(
      "{\"s.se\": true, \"s.kernel\": 5, \"accuracy\": 0.5}\n\n{\"s.kernel\": \"3\", \"s.se\": \"False\"}\n");
  CandidateReader reader(space, in, "c.jsonl");
  CHECK(reader.is_json());
  CHECK(reader.columns() == std::vector<std::string>{"s.se", "s.kernel", "accuracy"});
  CandidateRow row;
  REQUIRE(reader.next(row));
  CHECK(to_text(space, row.candidate) == "s.se=true s.kernel=5");
  CHECK(row.fields[2] == "0.5");
  REQUIRE(reader.next(row));
  CHECK(to_text(space, row.candidate) == "s.se=false s.kernel=3");
  CHECK(row.line == 3);
  CHECK(!reader.next(row));
}

TEST_CASE("candidate files: a JSON array, read as the lines are") {
  const Space space = parse("[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = 8\nkernel = [3, 5]\n");
  std::istringstream in(
      "\n[\n {\"s.kernel\": 5,\n  \"a, \\\"b\\\"\": [1, {\"x\": \"}]\"} ]},{\"s.kernel\":3}\n]\n");
  CandidateReader reader(space, in, "c.json");
  CHECK(reader.is_json());
  CHECK(reader.columns() == std::vector<std::string>{"s.kernel", "a, \"b\""});
  CandidateRow row;
  REQUIRE(reader.next(row));
  CHECK(row.line == 3);
  CHECK(to_text(space, row.candidate) == "s.kernel=5");
  CHECK(row.fields[1] == "[1, {\"x\": \"}]\"} ]");
  REQUIRE(reader.next(row));
  CHECK(row.line == 4);
  CHECK(row.types[1] == FieldType::absent);
  CHECK(!reader.next(row));
  CHECK(!reader.next(row));
}

TEST_CASE("JSON values pass through as they are written") {
  const Space space = parse("[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = 8\nkernel = [3, 5]\n");
  std::istringstream in(
      "{\"s.kernel\": 3.0, \"a\": 1.50, \"b\": 123456789012345678901234567890, \"c\": \"1.50\", \"d\": null, "
      "\"e\": { \"k\" : [ 1e2 ] }, \"f\": true, \"g\": \"\\u00e4\\n\", \"h\": {}}");
  CandidateReader reader(space, in, "c.jsonl");
  CandidateRow row;
  REQUIRE(reader.next(row));
  CHECK(row.fields == std::vector<std::string>{"3.0", "1.50", "123456789012345678901234567890", "1.50", "",
                                               "{ \"k\" : [ 1e2 ] }", "true", "\xc3\xa4\n", "{}"});
  using enum FieldType;
  CHECK(row.types == std::vector<FieldType>{json, json, json, text, null, json, json, text, json});
  CHECK(!reader.next(row));
}

TEST_CASE("every candidate survives the text form and a CSV row") {
  const Space space = parse(kEntangled);
  std::ostringstream csv;
  const std::vector<std::string> columns = names(space);
  for (std::size_t i = 0; i < columns.size(); ++i) csv << (i > 0 ? "," : "") << columns[i];
  csv << "\n";
  const std::vector<Candidate> candidates = all(space);
  for (const Candidate& candidate : candidates) {
    CHECK(candidate_from_text(space, to_text(space, candidate), "test") == candidate);
    for (std::size_t d = 0; d < columns.size(); ++d)
      csv << (d > 0 ? "," : "") << space.decisions()[d].options[candidate.choices[d]];
    csv << "\n";
  }
  std::istringstream in(csv.str());
  CandidateReader reader(space, in, "all.csv");
  CandidateRow row;
  for (const Candidate& candidate : candidates) {
    REQUIRE(reader.next(row));
    CHECK(row.candidate == candidate);
  }
}

TEST_CASE("the fingerprint of a space ignores comments and its description") {
  const std::string stage = "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [8, 16]\n";
  const std::uint64_t fingerprint = parse(stage).fingerprint();
  CHECK(Space::parse("description = \"other words\"\n" + kTop + "# a comment\n" + stage, "x").fingerprint() ==
        fingerprint);
  CHECK(parse("[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [8, 32]\n").fingerprint() !=
        fingerprint);
}

TEST_CASE("random candidates of every shipped space can be built") {
  for (const char* name : {"nasbench201", "nats_size", "mnasnet_accel", "mobilenetv2", "ibn_fashion"}) {
    CAPTURE(name);
    const Space space = Space::load(std::string(ASSAY_SOURCE_DIR) + "/spaces/" + name + ".toml");
    for (std::uint64_t i = 0; i < 100; ++i) {
      Random random(17, Purpose::sample, 0, i);
      const Network network = space.decode(space.sample(random));
      CHECK(network.parameters() > 0);
      CHECK(network.macs() > 0);
      CHECK(network.output_shape().height == 1);
      CHECK(network.blocks().size() >= 3);
    }
  }
}

}  // namespace
