#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "commands.hpp"
#include "completion.hpp"
#include "shipped_files.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr const char* topics = "bash|zsh|spaces|accelerators|estimators";

void print(const std::string& text) {
  OutputFile out("-");
  out.write(text);
  out.close();
}

int run(const Arguments& arguments) {
  if (arguments.positionals().empty())
    throw InputError("assay completion: name a shell. See: assay completion --help");
  const std::string& topic = arguments.positionals()[0];
  const auto kind = std::ranges::find(shipped_kinds(), topic, &ShippedKind::plural);
  if (topic == "bash") {
    print(bash_completion(commands()));
  } else if (topic == "zsh") {
    print(zsh_completion(commands()));
  } else if (kind != shipped_kinds().end()) {
    for (const std::string& name : shipped_names(*kind)) print(name + "\n");
  } else {
    const auto nearest = nearest_name(topic, value_syntax(topics, {}).words);
    throw InputError(fmt::format(
        "assay completion: \"{}\" is no shell that this completes.{}", topic,
        nearest ? fmt::format(" Did you mean \"{}\"?", *nearest)
                : " Give bash or zsh; or spaces, accelerators or estimators, for a list of their names."));
  }
  return 0;
}

}  // namespace

ValueSyntax positional_syntax(const Command& command, std::span<const Command> commands) {
  std::vector<std::string> names;
  if (command.positionals.find("COMMAND") != std::string::npos)
    for (const Command& known : commands) names.push_back(known.name);
  ValueSyntax syntax = value_syntax(command.positionals, names);
  // "A B" (diff) may be files of several kinds, among other things.
  if (syntax.other && syntax.words.empty() && syntax.endings.empty()) syntax.endings.emplace_back("");
  return syntax;
}

Command completion_command() {
  return {
      .name = "completion",
      .summary = "completion of this command line for bash and zsh",
      .positionals = topics,
      .max_positionals = 1,
      .description =
          "Prints a script that completes commands, options, their values, and files of the right kind. "
          "Installed\n"
          "with the program it is found by itself; without installing it, source it.\n"
          "\n"
          "The other topics list what is known by name: spaces, accelerators and estimators in the folder "
          "that\n"
          "ASSAY_SPACES names, in ./spaces, and in the folder installed with the program. A name stands "
          "wherever\n"
          "the file does: assay space nasbench201.",
      .groups = {{"Options", {{"help", "", "this text", ""}}}},
      .example =
          "  source <(assay completion bash)\n"
          "  assay completion spaces",
      .run = run};
}

}  // namespace assay::cli
