#include "run_folder.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>

namespace assay::cli {

namespace fs = std::filesystem;

std::vector<RunSummary> runs_in(const std::string& folder) {
  std::vector<RunSummary> runs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".journal") continue;
    const std::string path = entry->path().string();
    try {
      runs.push_back(summary_of(path));
    } catch (const InputError& problem) {
      RunSummary run;
      run.path = path;
      run.state = "unreadable";
      run.note = problem.what();
      runs.push_back(std::move(run));
    }
  }
  if (error)
    throw InputError(fmt::format("{}: the folder cannot be read: {}. Name another folder or a journal.",
                                 folder, error.message()));
  return runs;
}

void sort_newest_first(std::vector<RunSummary>& runs) {
  // Times are whole seconds. tiny-10 is a higher number than tiny-9.
  std::ranges::sort(runs, std::ranges::greater{}, [](const RunSummary& run) {
    return std::tuple<const std::string&, std::size_t, const std::string&>(run.created_utc, run.path.size(),
                                                                           run.path);
  });
}

}  // namespace assay::cli
