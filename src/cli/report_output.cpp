#include "report_output.hpp"

#include "assay/base/error.hpp"
#include "assay/base/file.hpp"
#include "assay/base/text.hpp"

#include "terminal.hpp"

#include <filesystem>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {

ReportFormat report_format(const std::string& command, const std::optional<std::string>& name,
                           const std::string& path) {
  static const std::vector<std::pair<std::string, ReportFormat>> formats = {
      {"table", ReportFormat::table},
      {"html", ReportFormat::html},
      {"markdown", ReportFormat::markdown},
      {"csv", ReportFormat::csv},
      {"json", ReportFormat::json}};
  if (!name) {
    const auto ends = [&](const char* ending) { return path.ends_with(ending); };
    if (ends(".html") || ends(".htm")) return ReportFormat::html;
    if (ends(".md") || ends(".markdown")) return ReportFormat::markdown;
    if (ends(".csv")) return ReportFormat::csv;
    if (ends(".json")) return ReportFormat::json;
    if (path == "-" || ends(".txt") || std::filesystem::path(path).extension().empty())
      return ReportFormat::table;
    throw InputError(
        fmt::format("{}: what {} is to hold cannot be told from its ending. Use .html, .md, .csv, .json or "
                    ".txt, or --format.",
                    command, path));
  }
  std::vector<std::string> names;
  for (const auto& [known, format] : formats) {
    if (known == *name) return format;
    names.push_back(known);
  }
  throw InputError(fmt::format("{}: --format is \"{}\".{}", command, *name, suggestion(*name, names)));
}

void write_report(const RunReport& report, ReportFormat format, const std::string& path) {
  OutputFile file(path);
  switch (format) {
    case ReportFormat::table:
      file.write(to_text(report, path == "-" ? terminal_width() : 0, path == "-" && use_colour()));
      break;
    case ReportFormat::html:
      file.write(to_html(report));
      break;
    case ReportFormat::markdown:
      file.write(to_markdown(report));
      break;
    case ReportFormat::csv:
      file.write(to_csv(report));
      break;
    case ReportFormat::json:
      file.write(to_json(report));
      break;
  }
  file.close();
}

}  // namespace assay::cli
