#include "assay/base/text.hpp"

#include "completion.hpp"
#include "value_syntax.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Bash calls _assay and reads COMPREPLY. $cur is what has been typed of the word; $option is the option whose
// value it is.
constexpr std::string_view functions =
    R"script(# Completion of assay in bash, written by: assay completion bash

_assay_words() {
  local word
  for word; do [[ $word == "$cur"* ]] && COMPREPLY+=("$word"); done
}

# Names of shipped spaces, accelerators or estimators.
_assay_names() {
  local names
  mapfile -t names < <("$program" completion "$1" 2>/dev/null)
  _assay_words "${names[@]}"
}

_assay_folders() {
  local found
  compopt -o filenames 2>/dev/null
  mapfile -t found < <(compgen -d -- "$cur")
  COMPREPLY+=("${found[@]}")
}

# Files with one of these endings, and folders on the way to them.
_assay_files() {
  local ending found file
  _assay_folders
  for ending; do
    mapfile -t found < <(compgen -f -X "!*$ending" -- "$cur")
    for file in "${found[@]}"; do [[ -d $file ]] || COMPREPLY+=("$file"); done
  done
}

# Of a comma-separated list the last part is completed; nothing is offered twice.
_assay_begin_list() {
  [[ $cur == *,* ]] && chosen=${cur%,*}, cur=${cur##*,}
}
_assay_end_list() {
  local parts=("${COMPREPLY[@]}") part
  COMPREPLY=()
  for part in "${parts[@]}"; do [[ ,$chosen == *",$part,"* ]] || COMPREPLY+=("$chosen$part"); done
  compopt -o nospace 2>/dev/null
}
)script";

constexpr std::string_view entry = R"script(
_assay() {
  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} option= chosen=
  local program=${COMP_WORDS[0]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _assay_words "${_assay_commands[@]}" --help --version
    return
  fi
  # Where "=" separates words, which is usual, "--option=value" are three of them.
  if [[ $cur == "=" ]]; then
    option=$before cur=
  elif [[ $before == "=" ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $before == --* ]]; then
    option=$before
  fi
  declare -F "_assay_command_${COMP_WORDS[1]}" >/dev/null && "_assay_command_${COMP_WORDS[1]}"
}

complete -F _assay assay
)script";

std::string action(const ValueSyntax& syntax) {
  std::vector<std::string> actions;
  if (!syntax.words.empty()) actions.push_back("_assay_words " + join(syntax.words, " "));
  for (const ShippedKind* kind : syntax.shipped)
    actions.push_back(fmt::format("_assay_names {}", kind->plural));
  if (!syntax.endings.empty())
    actions.push_back(fmt::format("_assay_files '{}'", join(syntax.endings, "' '")));
  if (syntax.folder) actions.emplace_back("_assay_folders");
  if (actions.empty()) return ":";
  const std::string all = join(actions, "; ");
  return syntax.list ? "_assay_begin_list; " + all + "; _assay_end_list" : all;
}

std::string function_of(const Command& command, std::span<const Command> commands) {
  std::vector<std::string> names;
  std::vector<std::pair<std::string, std::string>> values;  // action, options
  for (const OptionGroup& group : command.groups) {
    for (const OptionSpec& option : group.options) {
      names.push_back("--" + option.name);
      if (option.value.empty()) continue;
      const std::string what = action(value_syntax(option.value, option.choices));
      const auto same = std::ranges::find(values, what, &std::pair<std::string, std::string>::first);
      if (same == values.end())
        values.emplace_back(what, names.back());
      else
        same->second += " | " + names.back();
    }
  }
  std::string text = fmt::format("\n_assay_command_{}() {{\n  case $option in\n", command.name);
  for (const auto& [what, options] : values) text += fmt::format("    {}) {} ;;\n", options, what);
  text += fmt::format(
      "    *)\n      if [[ $cur == -* ]]; then\n        _assay_words {}\n      else\n        {}\n      fi\n"
      "      ;;\n  esac\n}}\n",
      join(names, " "), action(positional_syntax(command, commands)));
  return text;
}

}  // namespace

std::string bash_completion(std::span<const Command> commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  std::string text(functions);
  text += fmt::format("\n_assay_commands=({})\n", join(names, " "));
  for (const Command& command : commands) text += function_of(command, commands);
  return text + std::string(entry);
}

}  // namespace assay::cli
