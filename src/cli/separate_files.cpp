#include "separate_files.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// Options that name files which are replaced or, by assay measure, continued.
constexpr std::array outputs = {"out",         "networks-out", "predictions",    "save-estimator",
                                "fit-weights", "save-model",   "out-network",    "junit",
                                "markdown",    "json",         "benchmark-json", "report"};
// Options that name files which are read; a cache or a journal is written too, but not with results.
constexpr std::array inputs = {"baseline",     "budget",     "cache",          "candidates",
                               "input",        "checkpoint", "device",         "known",
                               "rank-weights", "reference",  "reference-file", "run"};
constexpr std::array input_lists = {"accelerator", "estimator", "measurements", "space"};

struct File {
  std::string what;  // "--measurements"
  std::string path;
};

bool same_file(const std::string& a, const std::string& b) {
  std::error_code none;  // what cannot be looked at is no file yet, or fails when it is opened
  // Devices and pipes keep nothing that could be lost.
  if (fs::exists(a, none)) return fs::is_regular_file(a, none) && fs::equivalent(a, b, none);
  return fs::weakly_canonical(fs::absolute(a), none) == fs::weakly_canonical(fs::absolute(b), none);
}

// What the command writes; --baseline only where it is updated.
std::vector<File> written_files(const Arguments& arguments) {
  std::vector<File> written;
  const auto add = [&](const char* option) {
    const auto path = arguments.text(option);
    if (path && !path->empty() && *path != "-") written.push_back({fmt::format("--{}", option), *path});
  };
  if (arguments.flag("update-baseline")) add("baseline");
  for (const char* option : outputs) add(option);
  return written;
}

void require_other_files(const Arguments& arguments, const File& written, const std::vector<File>& others) {
  for (const File& other : others) {
    // Beside a journal or a cache lies what SQLite has not yet put into it, and the lock.
    constexpr std::array endings = {"", "-wal", "-shm", "-journal", ".lock"};
    const auto same = [&](const char* ending) { return same_file(written.path, other.path + ending); };
    if (other.what == written.what || std::ranges::none_of(endings, same)) continue;
    throw InputError(fmt::format("assay {}: {} {} would overwrite {} {}. Give {} another file.",
                                 arguments.command_name(), written.what, written.path, other.what, other.path,
                                 written.what));
  }
}

}  // namespace

void require_separate_files(const Arguments& arguments) {
  std::vector<File> others;
  for (const std::string& path : arguments.positionals()) others.push_back({"the file", path});
  for (const char* option : inputs)
    if (const auto path = arguments.text(option)) others.push_back({fmt::format("--{}", option), *path});
  for (const char* option : input_lists)
    for (const std::string& path : arguments.list(option))
      others.push_back({fmt::format("--{}", option), path});
  for (const File& file : written_files(arguments)) {
    require_other_files(arguments, file, others);
    others.push_back(file);
  }
}

void require_separate_files(const Arguments& arguments, const std::string& named_by,
                            std::span<const std::string> paths) {
  std::vector<File> others;
  for (const std::string& path : paths) others.push_back({fmt::format("what {} names,", named_by), path});
  for (const File& file : written_files(arguments)) require_other_files(arguments, file, others);
}

}  // namespace assay::cli
