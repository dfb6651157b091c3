// Progress of the program itself: under a terminal of its own, in a log, and for programs.
#include "cli_process.hpp"
#include "screen.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

using namespace cli_test;

namespace {

// A command whose standard error is a terminal.
class Terminal {
 public:
  Terminal(const Folder& folder, const std::string& command, unsigned short columns = 80) : screen_(columns) {
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    process_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::setenv("TERM", "xterm-256color", 1);
      ::setenv("XDG_CACHE_HOME", (folder / ".cache").c_str(), 1);
      ::unsetenv("NO_COLOR");
      for (const int number : {SIGINT, SIGQUIT})
        std::signal(number, SIG_DFL);  // a shell ignores them in jobs
      ::setenv("LC_ALL", "C.UTF-8", 1);
      const std::string text =
          "cd '" + (folder / "") + "' && exec env " + replaced(command, "assay ", "'" ASSAY_PROGRAM "' ");
      ::execl("/bin/bash", "bash", "-c", text.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Terminal() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::close(terminal_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Fails when `part` is not there within a minute.
  void wait_for(const std::string& part) {
    constexpr int tries = 600;
    for (int i = 0; i < tries && !mentions(screen_.text(), part); ++i) REQUIRE((read(100) || i + 1 < tries));
    INFO(screen_.text());
    REQUIRE(mentions(screen_.text(), part));
  }
  void wait_for_block() { wait_for("━"); }
  void signal(int number) { ::kill(process_, number); }
  // Just behind a frame: one that was made for the width before would come too late.
  void resize(unsigned short columns) {
    REQUIRE(read(10'000));
    while (read(5)) {
    }
    screen_.resize(columns);
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(terminal_, TIOCSWINSZ, &size) == 0);
  }
  // Reads on for a while.
  void watch(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) read(50);
  }
  // The exit code, or 128 and the signal's number.
  int wait() {
    while (!ended_) read(60'000);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const Screen& screen() const { return screen_; }
  const std::string& bytes() const { return bytes_; }

 private:
  static std::string replaced(std::string text, const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
    return text;
  }
  bool read(int patience_ms) {
    pollfd output{terminal_, POLLIN, 0};
    if (ended_ || ::poll(&output, 1, patience_ms) != 1) return false;
    char chunk[4096];
    const ssize_t count = ::read(terminal_, chunk, sizeof chunk);
    if (count <= 0) {
      ended_ = true;  // EIO: the last process has closed it
      return false;
    }
    bytes_.append(chunk, static_cast<std::size_t>(count));
    screen_.write(std::string_view(chunk, static_cast<std::size_t>(count)));
    return true;
  }

  pid_t process_ = -1;
  int terminal_ = -1;
  bool ended_ = false;
  Screen screen_;
  std::string bytes_;
};

std::string search(const std::string& options) {
  return "assay search '" + space_file("nasbench201.toml") +
         "' --run run.journal --no-cache --scores naswot --batch 4 --out found.csv " + options;
}

constexpr const char* endless = "--evaluations 15000";

// What nothing of a block leaves behind.
void check_no_leftovers(const Screen& screen) {
  INFO(screen.text());
  CHECK(screen.cursor_visible());
  for (const char* part : {"━", "─", "searching", "hypervolume", " left"})
    CHECK_FALSE(mentions(screen.text(), part));
}

std::vector<nlohmann::json> objects(const std::string& text) {
  std::vector<nlohmann::json> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(nlohmann::json::accept(line));
    result.push_back(nlohmann::json::parse(line));
  }
  return result;
}

}  // namespace

TEST_CASE("a search shows a block, and leaves only its notes") {
  const Folder folder;
  Terminal terminal(folder, search("--evaluations 400"));
  terminal.wait_for_block();
  terminal.wait_for("hypervolume");
  CHECK_FALSE(terminal.screen().cursor_visible());
  CHECK(terminal.wait() == 0);
  check_no_leftovers(terminal.screen());
  CHECK(terminal.screen().coloured());
  CHECK(terminal.screen().text().starts_with(
      "nasbench201: 15625 candidates. Journal: run.journal\n400 evaluated"));
}

TEST_CASE("an interrupted search leaves the terminal in order") {
  const Folder folder;
  Terminal terminal(folder, search(endless));
  terminal.wait_for("hypervolume");
  terminal.signal(SIGINT);
  CHECK(terminal.wait() == 130);
  check_no_leftovers(terminal.screen());
  CHECK(mentions(terminal.screen().text(), "Continue with the same command"));
}

TEST_CASE("so does one that a signal ends at once") {
  const Folder folder;
  Terminal terminal(folder, search(endless));
  terminal.wait_for("hypervolume");
  terminal.signal(SIGQUIT);
  CHECK(terminal.wait() == 128 + SIGQUIT);
  check_no_leftovers(terminal.screen());
}

TEST_CASE("and one that cannot go on") {
  const Folder folder;
  folder.write("bad.csv", "no_decision\n1\n");
  Terminal terminal(folder, "assay estimate '" + space_file("mobilenetv2.toml") +
                                "' --candidates bad.csv --accelerator '" +
                                accelerator_file("edge_npu_16.toml") + "'");
  CHECK(terminal.wait() == 2);
  check_no_leftovers(terminal.screen());
}

TEST_CASE("a suspended search gives the terminal back, and draws anew when it goes on") {
  const Folder folder;
  Terminal terminal(folder, search(endless));
  terminal.wait_for("hypervolume");
  terminal.signal(SIGTSTP);
  terminal.watch(std::chrono::milliseconds(1000));
  check_no_leftovers(terminal.screen());
  terminal.signal(SIGCONT);
  terminal.wait_for("hypervolume");
  terminal.signal(SIGTERM);
  terminal.wait();
  check_no_leftovers(terminal.screen());
}

TEST_CASE("a block follows the terminal's width") {
  const Folder folder;
  Terminal terminal(folder, search(endless), 110);
  terminal.wait_for("hypervolume");
  for (const unsigned short columns : {50, 24, 90}) {
    terminal.resize(columns);
    terminal.watch(std::chrono::milliseconds(1500));
    INFO(terminal.screen().text());
    std::istringstream lines(terminal.screen().text());
    int blocks = 0;
    for (std::string line; std::getline(lines, line);) blocks += line.starts_with("searching");
    CHECK(blocks == 1);
  }
  terminal.signal(SIGINT);
  CHECK(terminal.wait() == 130);
  check_no_leftovers(terminal.screen());
}

TEST_CASE("terminals that cannot or should not have colours and codes get none") {
  const Folder folder;
  Terminal plain(folder, "NO_COLOR=1 " + search("--evaluations 200"));
  plain.wait_for_block();
  CHECK(plain.wait() == 0);
  CHECK_FALSE(plain.screen().coloured());
  Terminal dumb(folder, "TERM=dumb " + search("--evaluations 200 --resume"));
  CHECK(dumb.wait() == 0);
  CHECK_FALSE(mentions(dumb.bytes(), "\033"));
}

TEST_CASE("results on the same terminal are not drawn over") {
  const Folder folder;
  Terminal terminal(folder, "assay filter '" + space_file("mobilenetv2.toml") +
                                "' --candidates <('" ASSAY_PROGRAM "' space '" +
                                space_file("mobilenetv2.toml") + "' --sample 2000 --format csv)");
  terminal.wait();
  CHECK_FALSE(mentions(terminal.bytes(), "\033"));
}

TEST_CASE("programs get an object a second, notes as well, and one at the end") {
  const Folder folder;
  const Outcome outcome = shell(folder, search("--evaluations 600 --progress json"));
  REQUIRE(outcome.exit_code == 0);
  const auto lines = objects(outcome.err);
  const std::string readme = slurp(std::string(ASSAY_SOURCE_DIR) + "/README.md");
  std::set<std::string> phases;
  std::int64_t notes = 0, searches = 0;
  double seconds = 0;
  for (const auto& line : lines) {
    if (line.contains("note")) {
      CHECK(line.size() == 1);
      ++notes;
      continue;
    }
    CHECK(line.at("command") == "search");
    CHECK(line.at("seconds") >= seconds);
    CHECK(line.at("seconds") <= seconds + 3);  // on a busy machine
    seconds = line.at("seconds");
    phases.insert(line.at("phase"));
    for (const auto& [key, value] : line.items()) {
      INFO(key);
      CHECK(mentions(readme, "`" + key + "`"));
    }
    if (line.at("phase") != "search" || !line.contains("evaluated")) continue;
    ++searches;
    CHECK(line.at("done") <= line.at("total"));
    CHECK(line.at("proposed") >= line.at("evaluated"));
    if (line.at("evaluated") > 0) CHECK(line.at("best").at("macs") > 0);
  }
  CHECK(phases == std::set<std::string>{"search", "end"});
  CHECK(notes == 3);
  REQUIRE(searches > 0);
  CHECK(lines.back().at("exit_code") == 0);
  const auto last =
      std::find_if(lines.rbegin(), lines.rend(), [](const auto& line) { return line.contains("evaluated"); });
  CHECK(last->at("evaluated") == 600);
  CHECK(last->at("done") == 600);
  CHECK(last->at("front_size") > 0);
  CHECK(last->at("hypervolume") >= 0);
}

TEST_CASE("errors do not break the stream of objects") {
  const Folder folder;
  const Outcome outcome = shell(folder, "assay search nowhere.toml --progress json");
  CHECK(outcome.exit_code == 2);
  const auto lines = objects(outcome.err);
  REQUIRE(lines.size() == 2);
  CHECK(mentions(lines[0].at("error"), "nowhere.toml"));
  CHECK(lines[1].at("phase") == "end");
  CHECK(lines[1].at("exit_code") == 2);
}

TEST_CASE("a log of a short job has notes only, and --quiet silences everything") {
  const Folder folder;
  const Outcome log = shell(folder, search("--evaluations 50"));
  CHECK(log.exit_code == 0);
  CHECK_FALSE(mentions(log.err, "searching"));
  CHECK_FALSE(mentions(log.err, "\033"));
  const Outcome quiet = shell(folder, search("--evaluations 50 --resume --quiet"));
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.err.empty());
  const Outcome none = shell(folder, search("--evaluations 50 --resume --progress none"));
  CHECK(none.exit_code == 0);
  CHECK(mentions(none.err, "50 evaluated"));
}

TEST_CASE("--progress is checked") {
  const Folder folder;
  const Outcome wrong = shell(folder, "assay search x.toml --progress jsn");
  CHECK(wrong.exit_code == 2);
  CHECK(mentions(wrong.err, "json"));
  const Outcome both = shell(folder, "assay search x.toml --progress json --quiet");
  CHECK(both.exit_code == 2);
  CHECK(mentions(both.err, "Give one of them"));
}

TEST_CASE("progress changes no result") {
  const Folder folder;
  std::set<std::string> results;
  for (const char* mode : {"none", "lines", "block", "json"}) {
    const Outcome outcome =
        shell(folder, search(std::string("--evaluations 100 --progress ") + mode + " && rm run.journal"));
    CHECK(outcome.exit_code == 0);
    results.insert(folder.read("found.csv"));
  }
  CHECK(results.size() == 1);
}
