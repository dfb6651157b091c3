// The program as a child process that a test talks to line by line.
#pragma once

#include "cli_process.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cli_test {

class Child {
 public:
  // Scores are kept in the folder, not in the user's cache.
  Child(const Folder& folder, const std::vector<std::string>& arguments) {
    int in[2], out[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    std::vector<std::string> texts = {ASSAY_PROGRAM};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    const std::string cache = folder / ".cache", errors = folder / ".err";
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
      ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~Child() {
    close_input();
    ::close(from_);
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void write(const std::string& text) {
    REQUIRE(::write(to_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void close_input() {
    if (to_ >= 0) ::close(to_);
    to_ = -1;
  }
  // Fails when none comes within a minute: the two would wait for each other for ever. Empty: there are no
  // more.
  std::string read_line() {
    constexpr int patience_ms = 60'000;
    for (;;) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd answer{from_, POLLIN, 0};
      REQUIRE(::poll(&answer, 1, patience_ms) == 1);
      char chunk[4096];
      const ssize_t count = ::read(from_, chunk, sizeof chunk);
      if (count <= 0) return "";
      buffer_.append(chunk, static_cast<std::size_t>(count));
    }
  }
  void signal(int number) { ::kill(process_, number); }
  // What was written has been read, and the program waits: sleeping, not working.
  void wait_until_idle() const {
    int idle = 0;
    for (int tries = 0; tries < 600 && idle < 5; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      const std::string status = slurp("/proc/" + std::to_string(process_) + "/stat");
      idle = status.find(") S ") != std::string::npos ? idle + 1 : 0;
    }
  }
  // The exit code.
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  std::string buffer_;
};

}  // namespace cli_test
