// Editing the options of a space file: what was to change changed, everything else stayed.
#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/space/curation.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <doctest/doctest.h>

using namespace assay;

namespace {

std::vector<std::string> space_files() {
  std::vector<std::string> files;
  for (const char* folder : {"/spaces", "/tests/spaces"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(ASSAY_SOURCE_DIR) + folder))
      if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Lines of `original` between the first and the last that differ from those of `edited`, comments "# was
// longer" apart.
std::size_t changed_lines(const std::string& original, const std::string& edited) {
  const std::vector<std::string> a = lines_of(original);
  std::vector<std::string> b = lines_of(edited);
  std::erase_if(b, [](const std::string& line) { return line.ends_with("# was longer"); });
  const auto before = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  const auto behind = static_cast<std::size_t>(
      std::mismatch(a.rbegin(), a.rend() - static_cast<std::ptrdiff_t>(before), b.rbegin(), b.rend()).first -
      a.rbegin());
  return a.size() - before - behind;
}

std::size_t list_named(const SpaceFile& file, const std::string& name) {
  const auto found = std::ranges::find(file.option_lists(), name, &OptionList::name);
  REQUIRE(found != file.option_lists().end());
  return static_cast<std::size_t>(found - file.option_lists().begin());
}

SpaceEdit one_list(const SpaceFile& file, const std::string& name, std::vector<std::string> options,
                   std::vector<std::string> comments = {}) {
  SpaceEdit edit;
  edit.lists.push_back({list_named(file, name), std::move(options), std::move(comments)});
  return edit;
}

const std::vector<std::string>& options_of(const Space& space, const std::string& decision) {
  const auto found = std::ranges::find(space.decisions(), decision, &Decision::name);
  REQUIRE(found != space.decisions().end());
  return found->options;
}

// A head and a stage around what a test is about.
std::string with_stage(const std::string& attributes, const std::string& top = "") {
  return "name = \"t\"  # its name\n" + top +
         "classes = 10\n\n[input]\nchannels = 3\nresolution = 16\n\n[[stage]]\nname = \"s\"\n" + attributes +
         "\n[[stage]]\nname = \"head\"\nblock = \"classifier\"\n";
}

}  // namespace

TEST_CASE("every decision of every space file belongs to one list with its options") {
  for (const std::string& path : space_files()) {
    INFO(path);
    const SpaceFile file = SpaceFile::load(path);
    std::vector<int> lists(file.space().decisions().size(), 0);
    for (const OptionList& list : file.option_lists()) {
      for (const std::size_t d : list.decisions) {
        ++lists[d];
        CHECK(file.space().decisions()[d].options == list.options);
      }
    }
    CHECK(std::ranges::all_of(lists, [](int n) { return n == 1; }));
  }
}

TEST_CASE("a space file without edits is the same bytes, and a header stands above it") {
  for (const std::string& path : space_files()) {
    INFO(path);
    const SpaceFile file = SpaceFile::load(path);
    CHECK(file.rewrite({}) == read_file(path));
    SpaceEdit edit;
    edit.header = {"Curated", "", "for a test"};
    CHECK(file.rewrite(edit) == "# Curated\n#\n# for a test\n" + read_file(path));
  }
}

TEST_CASE("any list of any space file loses its last option and nothing else") {
  int edited = 0, refused = 0;
  for (const std::string& path : space_files()) {
    const SpaceFile file = SpaceFile::load(path);
    for (std::size_t i = 0; i < file.option_lists().size(); ++i) {
      const OptionList& list = file.option_lists()[i];
      if (list.decisions.empty() || list.options.size() < 2) continue;
      INFO(path, " ", list.name);
      const std::vector<std::string> options(list.options.begin(), list.options.end() - 1);
      SpaceEdit edit;
      edit.lists.push_back({i, options, {"was longer"}});
      const std::string text = file.rewrite(edit);
      std::optional<Space> space;
      try {
        space.emplace(Space::parse(text, path));
      } catch (const InputError&) {
        ++refused;  // the only option that a constraint or a path through a cell allows
        continue;
      }
      ++edited;
      CHECK(options_of(*space, list.name) == options);
      CHECK(text.find("# was longer\n") != std::string::npos);
      CHECK(changed_lines(file.text(), text) == 1);
    }
  }
  CHECK(edited > 100);
  CHECK(refused < edited / 3);
}

TEST_CASE("numbers join a list of numbers, in the order given") {
  const SpaceFile file(with_stage("block = \"conv\"\nchannels = [12, 20, 24] # widths\nkernel = 3"), "t");
  const std::string text =
      file.rewrite(one_list(file, "s.channels", {"16", "24", "32"}, {"12 and 20 are gone"}));
  CHECK(text.find("# 12 and 20 are gone\nchannels = [16, 24, 32] # widths\nkernel = 3") != std::string::npos);
  CHECK(options_of(Space::parse(text, "t"), "s.channels") == std::vector<std::string>{"16", "24", "32"});
}

TEST_CASE("a list over several lines keeps its lines and the comments on what stays") {
  const SpaceFile file(with_stage("block = \"conv\"\n"
                                  "channels = [\n"
                                  "  8,   # small\n"
                                  "  # the usual one\n"
                                  "  16,\n"
                                  "  24   # large, \"[\n"
                                  "]"),
                       "t");
  CHECK(file.rewrite(one_list(file, "s.channels", {"16", "24"}))
            .find("channels = [\n  # the usual one\n  16,\n  24,   # large, \"[\n]") != std::string::npos);
  const std::string added = file.rewrite(one_list(file, "s.channels", {"8", "16", "32"}));
  CHECK(added.find("channels = [\n  8,   # small\n  # the usual one\n  16,\n  32,\n]") != std::string::npos);
  CHECK(options_of(Space::parse(added, "t"), "s.channels") == std::vector<std::string>{"8", "16", "32"});
}

TEST_CASE("options that are texts and tables stay as they are written") {
  const SpaceFile file(with_stage("block = [ 'conv', { name = \"wide,[x]\", type = \"ibn\", expansion = 6 }, "
                                  "\"fused_ibn\", ]\nchannels = 16"),
                       "t");
  CHECK(file.rewrite(one_list(file, "s.block", {"wide,[x]", "fused_ibn"}))
            .find("block = [ { name = \"wide,[x]\", type = \"ibn\", expansion = 6 }, \"fused_ibn\" ]\n") !=
        std::string::npos);
}

TEST_CASE("each_block, shared and quoted decisions, and defaults are lists too") {
  const std::string text =
      "name = \"t\"\n[input]\nchannels = 3\nresolution = 16\n[defaults]\nactivation = [\"relu\", \"silu\"]\n"
      "[decisions]\n\"a.width\" = [8, 16]\n[[stage]]\nname = \"s\"\nblock = \"conv\"\ndepth = [1, 2]\n"
      "kernel = { each_block = [1, 3, 5] }\nchannels = \"$a.width\"\n";
  const SpaceFile file(text, "t");
  SpaceEdit edit = one_list(file, "a.width", {"16", "32"});
  edit.lists.push_back({list_named(file, "s.block1.kernel"), {"3", "5"}, {}});
  edit.lists.push_back({list_named(file, "activation"), {"silu"}, {}});
  CHECK(file.option_lists()[list_named(file, "s.block1.kernel")].decisions.size() == 2);
  const Space space = Space::parse(file.rewrite(edit), "t");
  CHECK(options_of(space, "a.width") == std::vector<std::string>{"16", "32"});
  CHECK(options_of(space, "s.block2.kernel") == std::vector<std::string>{"3", "5"});
  CHECK(options_of(space, "activation") == std::vector<std::string>{"silu"});
}

TEST_CASE("a lone block becomes a choice") {
  const SpaceFile file(with_stage("block = \"ibn\"   # plain\nchannels = 16"), "t");
  const std::string text = file.rewrite(one_list(file, "s.block", {"ibn", "fused_ibn"}));
  CHECK(text.find("block = [\"ibn\", \"fused_ibn\"]   # plain\n") != std::string::npos);
  CHECK(options_of(Space::parse(text, "t"), "s.block") == std::vector<std::string>{"ibn", "fused_ibn"});
}

TEST_CASE("divisor and depth multiplier are replaced where they stand, and added below the name") {
  const SpaceFile with(with_stage("block = \"conv\"\nchannels = [8, 24]",
                                  "depth_multiplier = 0.5 # half\nchannel_divisor = 4 # small\n"),
                       "t");
  CHECK(with.channel_divisor() == 4);
  CHECK(with.has_depth_multiplier());
  SpaceEdit edit = one_list(with, "depth_multiplier", {"0.5", "1"});
  edit.channel_divisor = 16;
  edit.divisor_comments = {"lanes"};
  const std::string replaced = with.rewrite(edit);
  CHECK(replaced.find("depth_multiplier = [0.5, 1] # half\n# lanes\nchannel_divisor = 16 # small\n") !=
        std::string::npos);
  CHECK(options_of(Space::parse(replaced, "t"), "depth_multiplier") == std::vector<std::string>{"0.5", "1"});

  const SpaceFile without(with_stage("block = \"conv\"\nchannels = [8, 24]"), "t");
  CHECK(!without.has_depth_multiplier());
  SpaceEdit addition;
  addition.depth_multiplier = {"0.5", "2"};
  addition.channel_divisor = 16;
  addition.divisor_comments = {"lanes"};
  const std::string added = without.rewrite(addition);
  CHECK(added.starts_with(
      "name = \"t\"  # its name\ndepth_multiplier = [0.5, 2]\n# lanes\nchannel_divisor = 16\nclasses"));
  CHECK(SpaceFile(added, "t").channel_divisor() == 16);
}

TEST_CASE("Windows line ends and a byte-order mark survive") {
  std::string text =
      with_stage("block = \"conv\" # gr\u00f6\u00dfer\nchannels = [\n  8, # a\n  16, # b\n  24\n]");
  std::string windows = "\xEF\xBB\xBF";
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const SpaceFile file(windows, "t");
  SpaceEdit edit = one_list(file, "s.channels", {"8", "32"}, {"changed"});
  edit.header = {"head"};
  const std::string edited = file.rewrite(edit);
  CHECK(edited.starts_with("\xEF\xBB\xBF# head\r\nname"));
  CHECK(edited.find("# changed\r\nchannels = [\r\n  8, # a\r\n  32,\r\n]\r\n") != std::string::npos);
  for (std::size_t i = 0; i < edited.size(); ++i)
    if (edited[i] == '\n') CHECK(edited[i - 1] == '\r');
  CHECK(options_of(Space::parse(edited, "t"), "s.channels") == std::vector<std::string>{"8", "32"});
}

TEST_CASE("lists on one line, without blanks and at the end of the file") {
  const SpaceFile file(
      "name=\"t\"\ninput={channels=3,resolution=[8,16]}\n[[stage]]\nname=\"s\"\n"
      "block=[{type=\"conv\",kernel=[1,3],name=\"c\"},\"ibn\"]\nchannels=[1,2]",
      "t");
  SpaceEdit edit = one_list(file, "s.channels", {"2", "4"}, {"widths"});
  edit.lists.push_back({list_named(file, "s.c.kernel"), {"3"}, {"kernels"}});
  edit.lists.push_back({list_named(file, "input.resolution"), {"16"}, {}});
  edit.depth_multiplier = {"2"};
  const std::string text = file.rewrite(edit);
  CHECK(text ==
        "name=\"t\"\ndepth_multiplier = [2]\ninput={channels=3,resolution=[16]}\n[[stage]]\nname=\"s\"\n# "
        "kernels\n"
        "block=[{type=\"conv\",kernel=[3],name=\"c\"},\"ibn\"]\n# widths\nchannels=[2,4]");
  CHECK(options_of(Space::parse(text, "t"), "s.c.kernel") == std::vector<std::string>{"3"});
}

TEST_CASE("a list cannot become empty, nor take what does not belong into it") {
  const SpaceFile file(with_stage("block = [\"conv\", \"ibn\"]\nchannels = [8, 16]"), "t");
  CHECK_THROWS_AS(file.rewrite(one_list(file, "s.channels", {})), InternalError);
  CHECK_THROWS_AS(file.rewrite(one_list(file, "s.channels", {"8", "wide"})), InternalError);
  CHECK_THROWS_AS(file.rewrite(one_list(file, "s.block", {"conv", "\"]"})), InternalError);
}
