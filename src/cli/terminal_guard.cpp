#include "terminal_guard.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include <unistd.h>

namespace assay::cli {
namespace {

// What the handlers need to know. They run in any thread but those that draw by themselves, which block
// signals.
std::atomic<int> block_rows = -1;
std::atomic<bool> writing = false, leaving = false, suspended = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "signal handlers use them");

// Only what is allowed in a signal handler.
void remove_block() {
  // Somebody may be drawing just now. If that was interrupted by this handler it will never be done, hence
  // the limit.
  for (int i = 0; i < 20 && writing; ++i) {
    const timespec millisecond{0, 1'000'000};
    ::nanosleep(&millisecond, nullptr);
  }
  const int rows = block_rows.exchange(-1);
  if (rows < 0) return;
  std::array<char, 32> text;
  std::size_t size = 0;
  const auto add = [&](char c) { text[size++] = c; };
  add('\r');
  if (rows > 0) {
    add('\033');
    add('[');
    if (rows >= 100) add(static_cast<char>('0' + rows / 100 % 10));
    if (rows >= 10) add(static_cast<char>('0' + rows / 10 % 10));
    add(static_cast<char>('0' + rows % 10));
    add('A');
  }
  for (const char c : std::string_view("\033[J\033[?25h")) add(c);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), size);
}

extern "C" void suspend(int) {
  const int error = errno;
  remove_block();
  suspended = true;
  ::raise(SIGSTOP);  // until somebody continues the program
  errno = error;
}

void install(int number, void (*handler)(int)) {
  struct sigaction current {};
  if (::sigaction(number, nullptr, &current) != 0 || current.sa_handler != SIG_DFL) return;
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

void guard_terminal() {
  for (const int number :
       {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    install(number, end_by_signal);
  install(SIGTSTP, suspend);
}

}  // namespace

extern "C" void end_by_signal(int number) {
  leaving = true;
  remove_block();
  std::signal(number, SIG_DFL);
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, number);
  pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
  ::raise(number);
}

void write_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_block(std::string_view text, int rows) {
  static const bool guarded = (guard_terminal(), true);
  static_cast<void>(guarded);
  writing = true;
  if (!leaving) {
    write_stderr(text);
    block_rows = rows;
  }
  writing = false;
}

bool was_suspended() {
  return suspended.exchange(false);
}

}  // namespace assay::cli
