#include "shipped_files.hpp"

#include "assay/base/error.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

bool looks_like_a_file(const std::string& text) {
  std::error_code ignored;
  return text.empty() || text == "-" || text.find_first_of("/.") != std::string::npos ||
         fs::is_regular_file(text, ignored);
}

std::string find_shipped(const ValueSyntax& syntax, const std::string& name, const std::string& place) {
  if (looks_like_a_file(name) || std::ranges::find(syntax.words, name) != syntax.words.end()) return name;
  std::vector<std::string> places, names;
  std::string kinds;
  for (const ShippedKind* kind : syntax.shipped) {
    for (const fs::path& folder : shipped_folders()) {
      const fs::path path = folder / kind->folder / (name + std::string(kind->ending));
      std::error_code ignored;
      if (fs::is_regular_file(path, ignored)) return path.string();
      places.push_back((folder / kind->folder).lexically_normal().string());
    }
    for (const std::string& known : shipped_names(*kind)) names.push_back(known);
    kinds += (kinds.empty() ? "" : " or ") + std::string(kind->plural);
  }
  if (syntax.other) return name;
  throw InputError(fmt::format(
      "{}: \"{}\" is no file, and none of the {} in {} has this name.{}{}", place, name, kinds,
      join(places, ", "), names.empty() ? "" : suggestion(name, names),
      std::getenv("ASSAY_SPACES") == nullptr ? " Set ASSAY_SPACES to look in a folder of yours, too." : ""));
}

}  // namespace

std::vector<fs::path> shipped_folders() {
  std::vector<fs::path> folders;
  if (const char* own = std::getenv("ASSAY_SPACES"); own != nullptr && *own != '\0')
    folders.emplace_back(own);
  folders.emplace_back("spaces");
  // Relative to the program, so that what was installed can be moved as a whole.
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back((program.parent_path() / ASSAY_SPACES_FROM_PROGRAM).lexically_normal());
  return folders;
}

std::vector<std::string> shipped_names(const ShippedKind& kind) {
  std::set<std::string> names;
  for (const fs::path& folder : shipped_folders()) {
    std::error_code error;  // a folder that is not there has no names
    for (fs::directory_iterator entry(folder / kind.folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string file = entry->path().filename().string();
      if (!file.ends_with(kind.ending) || !entry->is_regular_file(error)) continue;
      names.insert(file.substr(0, file.size() - kind.ending.size()));
    }
  }
  return {names.begin(), names.end()};
}

std::string shipped_path(const ValueSyntax& syntax, const std::string& text, const std::string& place) {
  if (syntax.shipped.empty()) return text;
  if (!syntax.list) return find_shipped(syntax, text, place);
  std::vector<std::string> parts;
  for (const std::string_view part : split(text, ','))
    parts.push_back(find_shipped(syntax, std::string(trim(part)), place));
  return join(parts, ",");
}

}  // namespace assay::cli
