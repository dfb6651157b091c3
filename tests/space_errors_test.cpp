// Bad input: each mistake is one InputError that names file, place, cause and remedy; nothing else ever comes
// out, however broken the file.
#include "assay/space/codec.hpp"

#include "space_messages.hpp"

#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

namespace {

using namespace assay;

TEST_CASE("the file as a whole") {
  check_mentions(message([] { Space::load("no/such/space.toml"); }), {"no/such/space.toml"});
  check_mentions(load("name = \"t\"\nname = \"u\"\n"), {"bad.toml:2:", "TOML"});
  check_mentions(load("name = "), {"bad.toml:1:", "TOML"});
  check_mentions(load(""), {"bad.toml:", "name"});
  check_mentions(load("name = \"t\"\n"), {"bad.toml:", "[input]"});
  check_mentions(load(kTop), {"[[stage]]"});
  check_mentions(load("nmae = \"t\"\n" + kTop + kStage),
                 {"bad.toml:1:1", "\"nmae\"", "Did you mean \"name\""});
  check_mentions(load("name = 3\n"), {"bad.toml:1:8", "text"});
  check_mentions(load("stage = 3\n" + kTop), {"bad.toml:1:9", "[[stage]]"});
  check_mentions(load("name = \"t\"\n[input]\nchannels = 3\nheight = 8\n" + kStage), {"bad.toml:2", "width"});
  check_mentions(load(kTop + kStage + kStage), {"bad.toml:10:1", "two stages \"s\""});
}

TEST_CASE("unknown names") {
  check_mentions(stage("block = \"conv\"\nkernal = 3"),
                 {"bad.toml:9:1", "\"kernal\"", "Did you mean \"kernel\""});
  // Known to another block, but not to this one.
  check_mentions(stage("block = \"conv\"\nexpansion = 3"), {"bad.toml:9:1", "\"expansion\""});
  check_mentions(stage("block = \"convv\""), {"bad.toml:8:9", "\"convv\"", "Did you mean \"conv\""});
  check_mentions(stage("block = [\"conv\", \"ibm\"]"), {"bad.toml:8:", "\"ibm\"", "Did you mean \"ibn\""});
  check_mentions(stage("block = \"conv\"\nactivation = \"relu7\""), {"bad.toml:9:14", "\"relu7\"", "relu"});
  check_mentions(stage("block = \"conv\"\norder = \"conv_bm\""), {"bad.toml:9:9", "conv_bm", "avgpool"});
  check_mentions(stage("block = \"conv\"\nchannels = \"im * 2\""),
                 {"bad.toml:9:12", "\"im\"", "Did you mean \"in\""});
  check_mentions(stage("block = \"conv\"\nchannels = \"$wdth\""), {"bad.toml:9:12", "wdth"});
  check_mentions(stage("block = { type = \"ibn\", expanson = 2 }"),
                 {"bad.toml:8:", "\"expanson\"", "expansion"});
  check_mentions(stage("block = \"conv\"\ninputs = [\"sten\"]"), {"bad.toml:9:", "\"sten\""});
  check_mentions(load(kTop + "[defaults]\nkernell = 3\n" + kStage), {"bad.toml:7:1", "kernel"});
  check_mentions(load("constraints = [\"s.chanels < 3\"]\n" + kTop +
                      "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [4, 8]\n"),
                 {"bad.toml:1:16", "s.chanels", "s.channels"});
}

TEST_CASE("wrong types and values") {
  check_mentions(stage("block = \"conv\"\nkernel = true"), {"bad.toml:9:10", "s.kernel", "whole number"});
  check_mentions(stage("block = \"conv\"\nkernel = 2.5"), {"bad.toml:9:10", "s.kernel"});
  check_mentions(stage("block = \"conv\"\nbias = 7"), {"bad.toml:9:8", "true or false"});
  check_mentions(stage("block = 3"), {"bad.toml:8:9", "block"});
  check_mentions(stage("block = \"conv\"\nchannels = 0"), {"bad.toml:9:12", "s.channels", "0"});
  check_mentions(stage("block = \"conv\"\nchannels = [8, -4]"), {"bad.toml:9:16", "-4"});
  check_mentions(stage("block = \"conv\"\nstride = 0"), {"bad.toml:9:10", "stride"});
  check_mentions(stage("block = \"conv\"\nkernel = []"), {"bad.toml:9:10", "s.kernel", "no options"});
  check_mentions(stage("block = []"), {"bad.toml:8:9", "no options"});
  check_mentions(stage("block = \"conv\"\nkernel = [3, 5, 3]"), {"bad.toml:9:17", "\"3\"", "twice"});
  check_mentions(stage("block = \"conv\"\nkernel = [[3], [5]]"), {"bad.toml:9:11"});
  check_mentions(stage("block = [{ kernel = 3 }]"), {"bad.toml:8:"});
  check_mentions(stage("block = \"ibn\"\ndepth = 1000000"), {"bad.toml:9:9", "depth"});
  check_mentions(stage("block = \"conv\"\nkernel = \"3 +\""), {"bad.toml:9:10", "expression"});
  check_mentions(stage("block = \"conv\"\nkernel = \"7 / 2\""), {"bad.toml:9:10", "3.5", "whole"});
  check_mentions(stage("block = \"conv\"\nkernel = \"" + std::string(5000, '(') + "\""),
                 {"bad.toml:9:10", "deep"});
}

TEST_CASE("what cannot be built is found when the file is read") {
  check_mentions(stage("block = \"conv\"\nkernel = [3, 9]\npadding = \"valid\""),
                 {"bad.toml:9:10", "\"9\"", "s.kernel", "padded input"});
  check_mentions(stage("block = \"conv\"\ngroups = [1, 2]\nchannels = 8"),
                 {"bad.toml:9:10", "\"2\"", "groups"});
  check_mentions(stage("block = \"conv\"\nchannels = \"in - 3\""), {"bad.toml:8:9", "\"s\"", "channels"});
  check_mentions(stage("block = \"bottleneck\"\nchannels = 64\ngroup_width = 12"), {"group_width 12", "16"});
  // A shape mismatch in a cell.
  check_mentions(load(kTop + R"toml([block.cell]
[[block.cell.node]]
name = "a"
block = "conv"
channels = 4
[[block.cell.node]]
name = "b"
inputs = ["a", "in"]
[[stage]]
name = "s"
block = "cell"
channels = 8
)toml"),
                 {"bad.toml:", "\"s\"", "s.b.add", "4x8x8", "3x8x8", "projection"});
  check_mentions(stage("block = \"identity\"\nprojection = \"none\"\nchannels = 8"),
                 {"identity", "projection"});
}

TEST_CASE("definitions that make no sense") {
  const std::string tail = "[[stage]]\nname = \"s\"\nblock = \"cell\"\n";
  check_mentions(load(kTop + "[block.cell]\n" + kStage), {"bad.toml:6:", "\"cell\"", "never used"});
  check_mentions(load(kTop + "[decisions]\nx = [1, 2]\n" + kStage), {"bad.toml:7:1", "\"x\"", "no effect"});
  check_mentions(load(kTop + "[block.conv]\ntype = \"ibn\"\n" + kStage), {"built-in"});
  check_mentions(load(kTop + "[block.cell]\ntype = \"cell\"\n" + tail), {"back to itself"});
  check_mentions(load(kTop + "[block.cell]\n[[block.cell.node]]\nblock = \"cell\"\n" + tail),
                 {"contains itself"});
  check_mentions(load(kTop + "[block.cell]\n" + tail), {"\"cell\"", "neither"});
  check_mentions(load(kTop + "[block.cell]\nnodes = 3\nedge_0_1 = \"conv\"\n" + tail), {"edge_0_2"});
  check_mentions(load(kTop + "[block.cell]\nnodes = 3\nedge = \"conv\"\nedge_1_4 = \"conv\"\n" + tail),
                 {"bad.toml:9:1", "edge_1_4"});
  check_mentions(
      load(kTop +
           "[values]\na = \"b\"\nb = \"a\"\n[[stage]]\nname = \"s\"\nblock = \"conv\"\nkernel = \"a\"\n"),
      {"itself"});
  check_mentions(load("constraints = [\"s.channels > 9\"]\n" + kTop +
                      "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [4, 8]\n"),
                 {});
  const Space impossible = Space::parse("constraints = [\"s.channels > 9\"]\n" + kTop +
                                            "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [4, 8]\n",
                                        "bad.toml");
  CHECK(impossible.size().digits == "0");
  Random random(1, Purpose::sample);
  check_mentions(message([&] { impossible.sample(random); }), {"bad.toml", "s.channels > 9", "Loosen"});
}

TEST_CASE("candidate files") {
  const Space space = Space::parse(
      kTop + "[[stage]]\nname = \"s\"\nblock = \"conv\"\nchannels = [4, 8]\nkernel = [3, 5]\n", "t.toml");
  const auto read = [&](const std::string& text) {
    return message([&] {
      std::istringstream in(text);
      CandidateReader reader(space, in, "c.csv");
      CandidateRow row;
      while (reader.next(row)) {
      }
    });
  };
  CHECK(read("s.channels,s.kernel\n4,3\n") == "");
  check_mentions(read("s.channels,accuracy\n4,9\n"), {"c.csv:1", "\"s.kernel\""});
  check_mentions(read("s.channels,s.kernal\n4,3\n"), {"c.csv:1", "\"s.kernel\"", "\"s.kernal\""});
  check_mentions(read("s.channels,s.kernel\n4,3\n4,7\n"), {"c.csv:3", "s.kernel", "\"7\"", "3", "5"});
  check_mentions(read("s.channels,s.kernel\n4\n"), {"c.csv:2"});
  check_mentions(read("s.channels,s.kernel\n4,\n"), {"c.csv:2", "empty"});
  check_mentions(read(""), {"c.csv"});
  check_mentions(read("{\"s.channels\": 4}\n"), {"c.csv:1", "s.kernel"});
  check_mentions(read("{\"s.channels\": 4, \"s.kernel\": 3}\n{\"s.channels\": \n"), {"c.csv:2", "JSON"});
  check_mentions(read("{\"s.channels\": 4, \"s.kernel\": [3]}\n"), {"c.csv:1", "s.kernel"});
  const std::string good = "{\"s.channels\": 4, \"s.kernel\": 3}";
  CHECK(read(good + "\n" + good) == "");
  CHECK(read("[" + good + "," + good + "]") == "");
  CHECK(read("[]") == "");
  check_mentions(read("{\"s.channels\": 4, \"s.kernel\": 3, \"s.kernel\": 5}"),
                 {"c.csv:1", "\"s.kernel\"", "twice"});
  check_mentions(read(good + "\n{\"n\": 1, \"s.channels\": 4, \"s.kernel\": 3, \"\\u006e\": 5}"),
                 {"c.csv:2", "\"n\"", "twice"});
  check_mentions(read("[" + good + "\n" + good + "]"), {"c.csv:2", "comma"});
  check_mentions(read("[" + good), {"c.csv:1", "not closed"});
  check_mentions(read("[" + good + ",]"), {"c.csv:1", "not a JSON object"});
  check_mentions(read("[" + good + ",\n3]"), {"c.csv:2", "not a JSON object"});
  check_mentions(read("[" + good + "]\n" + good), {"c.csv:2", "after the end"});
  check_mentions(read("[\n{\"s.channels\": 4,\n \"s.kernel\": 7}]"), {"c.csv:2", "\"7\""});
  check_mentions(read("[{\"s.channels\": 4"), {"c.csv:1", "not a JSON object"});
  check_mentions(read(good + good + "3"), {"c.csv:1", "not a JSON object"});
  check_mentions(read("{\"s.channels\": null, \"s.kernel\": 3}"), {"c.csv:1", "s.channels", "empty"});
  const auto text = [&](const std::string& candidate) {
    return message([&] { candidate_from_text(space, candidate, "--candidate"); });
  };
  check_mentions(text("s.channels=4"), {"--candidate", "s.kernel", "missing"});
  check_mentions(text("s.channels=4 s.kernl=3"), {"s.kernl", "Did you mean \"s.kernel\""});
  check_mentions(text("s.channels=4 s.kernel=3 s.kernel=5"), {"twice"});
  check_mentions(text("s.channels"), {"decision=option", "for each decision"});
}

// Mutated and truncated spaces: whatever happens, it is an InputError or a space that works.
TEST_CASE("no broken file crashes or hangs the reader") {
  std::vector<std::string> seeds;
  for (const char* name :
       {"spaces/nasbench201", "spaces/ibn_fashion", "tests/spaces/nasbench101", "tests/spaces/darts",
        "tests/spaces/regnet", "tests/spaces/transnas_macro", "tests/spaces/resnet"}) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/" + name + ".toml");
    std::stringstream text;
    text << in.rdbuf();
    REQUIRE(text.str().size() > 100);
    seeds.push_back(text.str());
  }
  static const char* const kTokens[] = {
      "[",           "]",         "{",         "}",         "\"",  "=",     "0",        "-1",
      "99999999999", "\n",        "[[stage]]", "in",        "$",   "none",  "\"none\"", "each_block",
      "true",        "1e300",     "nan",       "depth = 9", "'",   "block", ".",        "[\"conv\", \"ibn\"]",
      "(",           "* 1000000", "\\u0000",   "\xff",      "type"};
  int loaded = 0, refused = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Random random(23, Purpose::mutate, 0, i);
    std::string text = seeds[random.below(seeds.size())];
    const auto edits = 1 + random.below(4);
    for (std::uint64_t e = 0; e < edits && !text.empty(); ++e) {
      const std::size_t at = random.below(text.size());
      switch (random.below(5)) {
        case 0:
          text.resize(at);
          break;
        case 1:
          text.erase(at, 1 + random.below(20));
          break;
        case 2:
          text.insert(at, kTokens[random.below(std::size(kTokens))]);
          break;
        case 3:
          text[at] = static_cast<char>(random.below(128));
          break;
        default:
          text.insert(at, text.substr(random.below(text.size()), random.below(60)));
      }
    }
    CAPTURE(i);
    try {
      const Space space = Space::parse(text, "fuzz.toml");
      ++loaded;
      static_cast<void>(space.size());
      static_cast<void>(space.decode(space.sample(random)));
    } catch (const InputError& error) {
      ++refused;
      CHECK(std::string(error.what()).find("fuzz.toml") != std::string::npos);
    }
  }
  // Both must happen often, or the test tests nothing.
  CHECK(loaded > 100);
  CHECK(refused > 1000);
}

}  // namespace
