#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "commands.hpp"
#include "manual.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace assay::cli {
namespace {

void print(const std::string& path, const std::string& text) {
  OutputFile out(path);
  out.write(text);
  out.close();
}

int run(const Arguments& arguments) {
  if (const auto folder = arguments.text("folder")) {
    if (!arguments.positionals().empty())
      throw InputError("assay man: --folder writes all pages. Leave the command or --folder out.");
    const std::filesystem::path path = *folder;
    print(path / "assay.1", manual_page(commands()));
    for (const Command& command : commands())
      print(path / fmt::format("assay-{}.1", command.name), manual_page(command));
    return 0;
  }
  if (arguments.positionals().empty()) {
    print("-", manual_page(commands()));
    return 0;
  }
  const std::string& name = arguments.positionals()[0];
  const auto found = std::ranges::find(commands(), name, &Command::name);
  if (found == commands().end()) {
    std::vector<std::string> names;
    for (const Command& command : commands()) names.push_back(command.name);
    throw InputError(fmt::format("assay man: there is no command \"{}\".{}", name, suggestion(name, names)));
  }
  print("-", manual_page(*found));
  return 0;
}

}  // namespace

Command man_command() {
  return {
      .name = "man",
      .summary = "manual pages, of the program or of one command",
      .positionals = "[COMMAND]",
      .max_positionals = 1,
      .description =
          "Prints a manual page in roff, made from the same text as --help. Where assay is installed, man "
          "assay\n"
          "and man assay-search show the pages.",
      .groups = {{"Options",
                  {{"folder", "FOLDER", "write all pages there, assay.1, assay-search.1 ...", ""},
                   {"help", "", "this text", ""}}}},
      .example = "  assay man search | man -l -",
      .run = run};
}

}  // namespace assay::cli
