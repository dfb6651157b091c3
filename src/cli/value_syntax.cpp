#include "value_syntax.hpp"

#include "assay/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace assay::cli {
namespace {

constexpr std::array<ShippedKind, 3> kinds = {
    {{"SPACE.toml", "spaces", "", ".toml"},
     {"ACCELERATOR.toml", "accelerators", "accelerators", ".toml"},
     {"ESTIMATOR.json", "estimators", "accelerators", ".estimator.json"}}};

bool is_literal(std::string_view word) {
  return std::ranges::none_of(word, [](unsigned char c) { return std::isupper(c) || c == '.'; });
}

void add_alternative(ValueSyntax& syntax, std::string_view word) {
  const auto kind = std::ranges::find(kinds, word, &ShippedKind::placeholder);
  const std::size_t dot = word.find('.');
  if (is_literal(word)) {
    syntax.words.emplace_back(word);
  } else if (word == "FILE") {
    syntax.endings.emplace_back("");
  } else if (word == "MODEL") {
    syntax.endings.insert(syntax.endings.end(), {".onnx", ".json"});
  } else if (word == "RUN" || word == "JOURNAL") {
    syntax.endings.emplace_back(".journal");
  } else if (word == "FOLDER") {
    syntax.folder = true;
  } else if (word == "LIST") {
    syntax.list = true;
  } else if (dot != std::string_view::npos) {
    syntax.endings.emplace_back(word.substr(dot));
    if (kind != kinds.end()) syntax.shipped.push_back(kind);
  } else {
    syntax.other = true;
  }
}

}  // namespace

std::span<const ShippedKind> shipped_kinds() {
  return kinds;
}

ValueSyntax value_syntax(std::string_view placeholder, std::span<const std::string> choices) {
  ValueSyntax syntax;
  syntax.words.assign(choices.begin(), choices.end());
  for (const std::string_view alternative : split(placeholder, '|')) {
    // "[SPACE.toml ...]" is what "SPACE.toml" is, "RUN.journal[:N]" what "RUN.journal" is.
    std::string_view word = trim(alternative);
    if (word.starts_with('[')) word.remove_prefix(1);
    word = word.substr(0, word.find_first_of(" []"));
    if (word.ends_with(",...")) {
      syntax.list = true;
      word.remove_suffix(4);
    } else if (word.ends_with("...")) {
      word.remove_suffix(3);
    }
    if (!word.empty()) add_alternative(syntax, word);
  }
  return syntax;
}

}  // namespace assay::cli
