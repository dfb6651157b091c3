// Runs the program as a user does and looks at what it prints.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cli_test {

namespace fs = std::filesystem;

// A folder of its own for each test, removed at its end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "assay_cli_test.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return *this / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  fs::path path_;
};

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// `command` is a shell command in which "assay" stands for the program; it runs in `folder`.
inline Outcome shell(const Folder& folder, const std::string& command) {
  const std::string out = folder / ".out", err = folder / ".err";
  // Scores are kept in the folder, not in the user's cache.
  const std::string text = "cd '" + (folder / "") +
                           "' && export XDG_CACHE_HOME=\"$PWD/.cache\" && assay() { '" ASSAY_PROGRAM
                           "' \"$@\"; } && { " +
                           command + "; } >'" + out + "' 2>'" + err + "'";
  const int status =
      std::system(("bash -c \"$(cat <<'END_OF_COMMAND'\n" + text + "\nEND_OF_COMMAND\n)\"").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), slurp(out), slurp(err)};
}

// The most memory that a command, which must succeed, had at a time. GNU time is not everywhere: bash's child
// is asked for by getrusage, in a process of its own.
inline long peak_kib(const Folder& folder, const std::string& command) {
  const std::string result = folder / ".peak";
  const pid_t child = ::fork();
  if (child == 0) {
    const Outcome outcome = shell(folder, command);
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    std::ofstream(result) << (outcome.exit_code == 0 ? usage.ru_maxrss : -1);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return std::stol(slurp(result));
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string space_file(const std::string& name) {
  return std::string(ASSAY_SOURCE_DIR) + "/spaces/" + name;
}
inline std::string accelerator_file(const std::string& name) {
  return space_file("accelerators/" + name);
}

}  // namespace cli_test
