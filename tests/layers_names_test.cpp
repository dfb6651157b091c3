// One program is linked from all modules: two types of one name would be one to the linker, which keeps
// whichever of their member functions it likes. Compilers do not see that.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <vector>

#include <doctest/doctest.h>

namespace {

namespace fs = std::filesystem;

struct Definition {
  std::string name, place;
};

// Types with a name of their own in a named namespace, written as clang-format does.
std::vector<Definition> definitions_of(const fs::path& file) {
  static const std::regex opening(R"(^(?:inline )?namespace ?([\w:]*) ?\{$)"),
      closing(R"(^\}  // namespace.*)"),
      type(R"(^(?:template <.*> )?(?:struct|class|union|enum class|enum) (\w+)(?: final)?(?: [:{].*| ?)$)");
  std::vector<Definition> found;
  std::vector<std::string> namespaces;
  std::ifstream in(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::smatch match;
    if (std::regex_match(line, match, opening)) {
      namespaces.push_back(match[1]);
    } else if (std::regex_match(line, closing)) {
      REQUIRE_MESSAGE(!namespaces.empty(), file.string(), ":", number);
      namespaces.pop_back();
    } else if (std::regex_match(line, match, type)) {
      std::string name;
      bool has_name = true;
      for (const std::string& part : namespaces) {
        has_name = has_name && !part.empty();
        name += part + "::";
      }
      if (has_name) found.push_back({name + match[1].str(), file.string() + ":" + std::to_string(number)});
    }
  }
  REQUIRE_MESSAGE(namespaces.empty(), file.string());
  return found;
}

}  // namespace

TEST_CASE("no two types of the library have one name") {
  const fs::path root = ASSAY_SOURCE_DIR;
  std::map<std::string, std::string> places;
  for (const char* folder : {"include", "src"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp") continue;
      for (const Definition& definition : definitions_of(entry.path())) {
        const auto [there, is_new] = places.emplace(definition.name, definition.place);
        CHECK_MESSAGE(is_new, definition.place, ": ", definition.name, " is also defined at ", there->second);
      }
    }
  }
  CHECK(places.size() > 300);
  CHECK(places.contains("assay::Network"));
}
