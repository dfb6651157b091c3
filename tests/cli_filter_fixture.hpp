// A small space to filter, with some candidates that cannot be built and some that compute the same.
#pragma once

#include "cli_process.hpp"

#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace cli_test {

// 48 candidates, 12 of which cannot be built: a kernel of 11 does not fit into 8 pixels. Node 1 of the cell
// is always zero, so two of its decisions change nothing but the declared parameters.
inline const std::string small_space =
    "name = \"small\"\nclasses = 10\n[input]\nchannels = 3\nresolution = [8, 16]\n"
    "[[stage]]\nname = \"stem\"\nblock = \"conv\"\nkernel = [3, 11]\npadding = \"valid\"\nchannels = 8\n"
    "[[stage]]\nname = \"a\"\nblock = \"cell\"\nchannels = [8, 12, 16]\n"
    "[[stage]]\nname = \"head\"\nblock = \"classifier\"\n"
    "[block.skip]\ntype = \"identity\"\n[block.cell]\nnodes = 4\nedge_0_1 = \"none\"\nedge_0_2 = \"conv\"\n"
    "edge_0_3 = \"skip\"\nedge_1_2 = [\"none\", \"conv\"]\nedge_1_3 = [\"none\", \"conv\"]\nedge_2_3 = "
    "\"conv\"\n";
inline constexpr int space_size = 48, buildable = 36;

inline std::string candidate(int i) {
  static const char* const widths[] = {"8", "12", "16"};
  const auto text = [](const std::string& name, const std::string& value) {
    return ",\"" + name + "\":\"" + value + "\"";
  };
  return "{\"id\":" + std::to_string(i) + text("input.resolution", i % 2 != 0 ? "16" : "8") +
         text("stem.kernel", i / 2 % 2 != 0 ? "11" : "3") + text("a.channels", widths[i / 4 % 3]) +
         text("cell.edge_1_2", i / 12 % 2 != 0 ? "conv" : "none") +
         text("cell.edge_1_3", i / 24 % 2 != 0 ? "conv" : "none") + "}";
}

inline std::string candidates(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += candidate(i) + "\n";
  return text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::vector<nlohmann::json> objects_of(const std::string& text) {
  std::vector<nlohmann::json> objects;
  for (const std::string& line : lines_of(text)) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

struct FilterFixture {
  Folder folder;
  FilterFixture() { folder.write("small.toml", small_space); }

  std::string filtered(const std::string& input, const std::string& options) const {
    folder.write("input", input);
    const Outcome outcome = shell(folder, "assay filter small.toml --quiet " + options + " < input");
    INFO(options);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err.empty());
    return outcome.out;
  }
  Outcome run(const std::string& input, const std::string& options) const {
    folder.write("input", input);
    return shell(folder, "assay filter small.toml " + options + " < input");
  }
};

}  // namespace cli_test
