// A run's report in the format that was asked for.
#pragma once

#include "assay/report/run_report.hpp"

#include <optional>
#include <string>

namespace assay::cli {

enum class ReportFormat { table, html, markdown, csv, json };

// As --format names it, or, without, as the file's name ends; a table for anything else. Throws InputError,
// naming the command, for a name that is no format.
ReportFormat report_format(const std::string& command, const std::optional<std::string>& name,
                           const std::string& path);

// To a file, or to standard output for "-". Text for people fits the terminal.
void write_report(const RunReport& report, ReportFormat format, const std::string& path);

}  // namespace assay::cli
