#include "system_memory.hpp"

#include "assay/base/text.hpp"
#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

namespace assay {

namespace {

// A file that holds one number. Absent files and "max" have none.
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  return parse_integer(text);
}

// The number after `key` in a file of "key number" lines.
std::optional<std::int64_t> number_after(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key) || line.size() == key.size() || line[key.size()] != ' ') continue;
    const std::string_view rest = trim(std::string_view(line).substr(key.size()));
    return parse_integer(rest.substr(0, rest.find(' ')));
  }
  return std::nullopt;
}

// The names of one version of control groups.
struct Controller {
  const char *mount, *limit, *usage, *reclaimable;
};
constexpr Controller version_1{"/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
                               "total_inactive_file"};
constexpr Controller version_2{"/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file"};

// What is left to a group, whose limit binds its children too. Its usage counts cached files, which the
// kernel drops before it refuses memory.
void limit_by(const std::string& group, const Controller& names, std::int64_t& available) {
  const auto limit = number_in(group + names.limit);
  const auto usage = number_in(group + names.usage);
  if (!limit || !usage) return;
  const std::int64_t cached = number_after(group + "/memory.stat", names.reclaimable).value_or(0);
  available = std::min(available, std::max<std::int64_t>(*limit - (*usage - cached), 0));
}

}  // namespace

std::int64_t available_memory_bytes(const std::string& root) {
  const auto kibibytes = number_after(root + "/proc/meminfo", "MemAvailable:");
  if (!kibibytes) return 0;
  std::int64_t available = *kibibytes * 1024;
  // Lines are "0::/path" (version 2) and "4:memory:/path" (version 1). Inside a container the path may be the
  // host's, which does not exist here; the mount's root is then the container's own group.
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const bool unified = parts[0] == "0" && parts[1].empty();
    const auto controllers = split(parts[1], ',');
    if (!unified && std::ranges::find(controllers, "memory") == controllers.end()) continue;
    const Controller& names = unified ? version_2 : version_1;
    std::string path(parts[2] == "/" ? "" : parts[2]);
    for (;;) {
      limit_by(root + names.mount + path, names, available);
      if (path.empty()) break;
      path.resize(path.rfind('/'));
    }
  }
  return available;
}

std::int64_t available_memory_bytes() {
  return available_memory_bytes("");
}

}  // namespace assay
