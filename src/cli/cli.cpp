#include "assay/cli/cli.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/runtime/runtime.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "console.hpp"
#include "overview.hpp"
#include "separate_files.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>

#include <fmt/format.h>

namespace assay {
namespace cli {

std::span<const Command> commands() {
  static const std::vector<Command> all = {
      search_command(),         score_command(),   filter_command(), validate_command(),   estimate_command(),
      check_command(),          measure_command(), fit_command(),    curate_command(),     advise_command(),
      explain_command(),        diff_command(),    train_command(),  runs_command(),       report_command(),
      space_command(),          export_command(),  run_command(),    completion_command(), man_command(),
      bench_signature_command()};
  return all;
}

namespace {

std::string overview() {
  std::string text = fmt::format("{}\n\nusage: assay COMMAND ...\n\n", program_description);
  for (const Command& command : commands())
    text += fmt::format("  {:<15} {}\n", command.name, command.summary);
  text += fmt::format("\nassay COMMAND --help explains each with an example.\n{}\nExit codes:", output_rule);
  for (const Meaning& code : exit_codes)
    text += fmt::format("{} {} {}", &code == exit_codes.data() ? "" : ",", code.name, code.text);
  text += ".\n";
  return text;
}

int dispatch(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", overview());
    return 2;
  }
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", overview());
    return 0;
  }
  if (name == "--version") {
    fmt::print("assay {} ({})\n", assay_version, runtime_description());
    return 0;
  }
  const auto found = std::ranges::find(commands(), name, &Command::name);
  if (found == commands().end()) {
    std::vector<std::string> names;
    for (const Command& command : commands()) names.push_back(command.name);
    throw InputError(
        fmt::format("assay: there is no command \"{}\".{} See: assay --help", name, suggestion(name, names)));
  }
  const auto rest = arguments.subspan(1);
  if (std::ranges::find(rest, "--help") != rest.end()) {
    fmt::print("{}", help_of(*found));
    return 0;
  }
  const Arguments given(*found, rest);
  Console::get().begin(name, progress_mode(given));
  require_separate_files(given);
  return found->run(given);
}

int exit_code_of(std::span<const std::string> arguments) {
  Console& console = Console::get();
  try {
    return dispatch(arguments);
  } catch (const ClosedPipe&) {
    return 128 + SIGPIPE;  // as where the signal is not ignored: `assay ... | head` is no error to tell of
  } catch (const Error& error) {
    console.error(error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    console.error("Memory is exhausted. Lower --batch or --workers.");
    return 3;
  } catch (const std::exception& error) {
    console.error(
        fmt::format("Internal fault: {}. Please report it with the command that caused it.", error.what()));
    return 3;
  }
}

}  // namespace
}  // namespace cli

int run_command_line(std::span<const std::string> arguments) {
  const int exit_code = cli::exit_code_of(arguments);
  cli::Console::get().end(exit_code);
  return exit_code;
}

}  // namespace assay
