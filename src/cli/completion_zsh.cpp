#include "assay/base/text.hpp"

#include "completion.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// Zsh runs this file as the body of _assay when it lies in $fpath; it can be sourced as well. _arguments and
// _sequence put options for compadd before the arguments that they are told to give to a function.
constexpr std::string_view functions = R"script(#compdef assay
# Completion of assay in zsh, written by: assay completion zsh

# The last three arguments, each separated by commas: words, kinds of shipped files, endings of files.
_assay_value() {
  local -a words=("${(@s:,:)argv[-3]}") kinds=("${(@s:,:)argv[-2]}") endings=("${(@s:,:)argv[-1]}")
  local -a options=("${(@)argv[1,-4]}")
  local kind
  for kind in ${kinds:#}; do
    words+=("${(@f)$(_call_program names ${(q)assay_program} completion $kind 2>/dev/null)}")
  done
  words=(${words:#})
  (($#words)) && compadd "$options[@]" -a words
  [[ -n $argv[-1] ]] && _files "$options[@]" -g "*(${(j:|:)endings})(-.)"
}
)script";

constexpr std::string_view dispatch_begin = R"script(
_assay() {
  local curcontext=$curcontext assay_program=$words[1]
  if ((CURRENT == 2)); then
    local -a commands=(
)script";
constexpr std::string_view dispatch_middle = R"script(    )
    _describe command commands
    _arguments '--help[what assay does]' '--version[version and processor]'
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
)script";
constexpr std::string_view dispatch_end = R"script(  esac
}

if [[ $funcstack[1] == _assay ]]; then
  _assay "$@"
else
  compdef _assay assay
fi
)script";

// For single quotes, where `special` characters have a meaning of their own.
std::string quoted(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// ":SPACE.toml:_assay_value ..."
std::string message_and_action(std::string_view placeholder, const ValueSyntax& syntax) {
  std::vector<std::string> kinds, endings = syntax.endings;
  for (const ShippedKind* kind : syntax.shipped) kinds.emplace_back(kind->plural);
  // "*" stands for any file: an empty text could not be told from none.
  std::ranges::replace(endings, std::string(), "*");
  std::string action = " ";  // nothing to offer, but the message says what is expected
  if (!syntax.words.empty() || !kinds.empty() || !endings.empty()) {
    action =
        fmt::format("{}_assay_value {}\"{}\" \"{}\" \"{}\"", syntax.list ? "_sequence " : "",
                    syntax.list ? "- " : "", join(syntax.words, ","), join(kinds, ","), join(endings, ","));
  } else if (syntax.folder) {
    action = "_files -/";
  }
  return fmt::format(":{}:{}", quoted(placeholder, ":\\"), action);
}

std::string option_spec(const OptionSpec& option) {
  const std::string what = fmt::format("[{}]", quoted(option.help, "[]:\\"));
  if (option.value.empty()) return fmt::format("'--{}{}'", option.name, what);
  return fmt::format("'--{}={}{}'", option.name, what,
                     message_and_action(option.value, value_syntax(option.value, option.choices)));
}

std::string case_of(const Command& command, std::span<const Command> commands) {
  std::string text = fmt::format("    {})\n      _arguments \\\n", command.name);
  for (const OptionGroup& group : command.groups)
    for (const OptionSpec& option : group.options)
      text += fmt::format("        {} \\\n", option_spec(option));
  return text + fmt::format("        '{}{}'\n      ;;\n", command.max_positionals > 1 ? "*" : "1",
                            message_and_action(command.positionals, positional_syntax(command, commands)));
}

}  // namespace

std::string zsh_completion(std::span<const Command> commands) {
  std::string text(functions);
  text += dispatch_begin;
  for (const Command& command : commands)
    text += fmt::format("      '{}:{}'\n", command.name, quoted(command.summary, ":\\"));
  text += dispatch_middle;
  for (const Command& command : commands) text += case_of(command, commands);
  return text + std::string(dispatch_end);
}

}  // namespace assay::cli
