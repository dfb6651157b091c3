// The commands, one file each.
#pragma once

#include "arguments.hpp"

#include <span>

namespace assay::cli {

Command search_command();
Command score_command();
Command filter_command();
Command validate_command();
Command estimate_command();
Command check_command();
Command measure_command();
Command fit_command();
Command curate_command();
Command advise_command();
Command explain_command();
Command diff_command();
Command train_command();
Command report_command();
Command export_command();
Command run_command();
Command runs_command();
Command space_command();
Command completion_command();
Command man_command();
Command bench_signature_command();

// All of them, in the order of the help.
std::span<const Command> commands();

}  // namespace assay::cli
