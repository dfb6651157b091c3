#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"
#include "assay/space/space.hpp"

#include "commands.hpp"
#include "common.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

namespace assay::cli {
namespace {

int run_space(const Arguments& arguments) {
  const Output output(arguments);
  if (arguments.positionals().empty())
    throw InputError("assay space: name a space file. See: assay space --help");
  const Space space = Space::load(arguments.positionals()[0]);
  Table table{.columns = {{"decision", "decision", Style::text},
                          {"count", "options", Style::number},
                          {"options", "", Style::text}},
              .rows = {}};
  if (output.format() == Format::table) table.columns[2].heading = "texts";
  for (const Decision& decision : space.decisions()) {
    table.rows.push_back(
        {decision.name, static_cast<std::int64_t>(decision.options.size()), join(decision.options, " ")});
  }
  const Space::Size size = space.size();
  const std::string headline =
      fmt::format("{}: {} decisions, {} distinct candidates{}", space.name(), space.decisions().size(),
                  size.digits, size.constraints_counted ? "" : " before constraints");
  if (output.format() == Format::table) {
    output.write(headline + "\n\n" + table.to_text(terminal_width(), use_colour()));
  } else {
    output.write(table);
    if (!output.quiet()) note(headline);
  }
  return 0;
}

}  // namespace

Command space_command() {
  return {.name = "space",
          .summary = "what a space file declares: its decisions, their options, how many candidates",
          .positionals = "SPACE.toml",
          .max_positionals = 1,
          .description = "Reads and checks a space file and lists its decisions.",
          .groups = {output_options()},
          .example = "  assay space spaces/nasbench201.toml",
          .run = run_space};
}

}  // namespace assay::cli
