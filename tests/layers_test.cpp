// The house: which module may include which. A call against it would not link either (CMakeLists.txt); this
// test names the line.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <doctest/doctest.h>

namespace {

namespace fs = std::filesystem;

// Module -> all modules it may include, those below its direct ones with them.
std::map<std::string, std::set<std::string>> house() {
  const std::map<std::string, std::set<std::string>> direct = {
      {"base", {}},
      {"network", {"base"}},
      {"space", {"network"}},
      {"runtime", {"network"}},
      {"score", {"runtime"}},
      {"accelerator", {"network", "runtime"}},
      {"estimate", {"network", "accelerator"}},
      {"rewrite", {"estimate"}},
      {"data", {"runtime"}},
      {"train", {"runtime", "data"}},
      {"onnx", {"network"}},
      {"store", {"network"}},
      {"search", {"space"}},
      {"curate", {"space", "estimate", "search", "score"}},
      {"explain", {"space", "estimate", "curate"}},
      {"report", {"explain"}},
      {"check", {"estimate", "report"}},
      {"cli", {"space", "score", "estimate", "rewrite", "train", "onnx", "store", "search", "curate", "explain", "report", "check"}},
  };
  std::map<std::string, std::set<std::string>> all = direct;
  for (bool grown = true; grown;) {
    grown = false;
    for (auto& [module, uses] : all) {
      for (const std::string& used : std::set<std::string>(uses)) {
        for (const std::string& below : all.at(used)) grown = uses.insert(below).second || grown;
      }
    }
  }
  return all;
}

struct Include {
  std::string place, target;
  bool system = false;
};

std::vector<Include> includes_of(const fs::path& folder) {
  std::vector<Include> found;
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      std::smatch match;
      if (std::regex_search(line, match, pattern)) {
        found.push_back({entry.path().string() + ":" + std::to_string(number), match[2], match[1] == "<"});
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("modules include only what the house allows, and libraries stay in their rooms") {
  const fs::path root = ASSAY_SOURCE_DIR;
  // Library header prefix -> the only modules whose sources may include it. None may appear in a public
  // header.
  const std::map<std::string, std::set<std::string>> rooms = {{"dnnl", {"runtime"}},
                                                              {"oneapi/dnnl", {"runtime"}},
                                                              {"SQLiteCpp", {"store"}},
                                                              {"sqlite3", {"store"}},
                                                              {"toml++", {"base", "space", "accelerator"}},
                                                              {"zlib", {"data"}},
                                                              {"onnx/", {"onnx"}},
                                                              {"google/protobuf", {"onnx"}},
                                                              {"boost/program_options", {"cli"}},
                                                              {"iostream", {"cli"}}};
  int checked = 0;
  for (const auto& [module, allowed] : house()) {
    for (const char* side : {"include/assay", "src"}) {
      const fs::path folder = root / side / module;
      if (!fs::exists(folder)) continue;
      for (const Include& include : includes_of(folder)) {
        INFO(include.place, " includes ", include.target);
        ++checked;
        if (include.target.starts_with("assay/")) {
          const std::string target = include.target.substr(6, include.target.find('/', 6) - 6);
          CHECK((target == module || allowed.count(target) == 1));
        }
        for (const auto& [library, owners] : rooms) {
          if (!include.target.starts_with(library)) continue;
          CHECK(owners.count(module) == 1);
          CHECK(std::string(side) == "src");
        }
      }
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("every module of the source tree is in the house") {
  const auto modules = house();
  for (const char* side : {"include/assay", "src"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(ASSAY_SOURCE_DIR) / side)) {
      INFO(entry.path().string());
      CHECK(modules.count(entry.path().filename().string()) == 1);
    }
  }
}
