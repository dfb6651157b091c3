#include "interrupt.hpp"

#include "terminal_guard.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace assay::cli {
namespace {

constexpr std::array handled = {SIGINT, SIGTERM, SIGHUP};

// timeout(1), and a shell that ends its jobs, send a signal to the program and then to its group: within this
// time that is the same request.
constexpr std::int64_t same_request_ms = 200;

std::atomic<int> received = 0;
std::atomic<std::int64_t> received_ms = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler writes them");

extern "C" void on_signal(int number) {
  const int error = errno;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t now_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  int none = 0;
  if (received.compare_exchange_strong(none, number))
    received_ms = now_ms;
  else if (received_ms != 0 && now_ms - received_ms > same_request_ms)
    end_by_signal(number);
  errno = error;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  received = 0;
  received_ms = 0;
  for (const int number : handled) {
    struct sigaction current {};
    if (number == SIGHUP && ::sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN)
      continue;
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(number, &action, nullptr);
  }
  watcher_ = std::jthread([this](std::stop_token ended) {
    while (!ended.stop_requested()) {
      if (requested()) source_.request_stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
}

InterruptGuard::~InterruptGuard() {
  for (const int number : handled) {
    struct sigaction current {};
    if (::sigaction(number, nullptr, &current) == 0 && current.sa_handler == on_signal)
      std::signal(number, SIG_DFL);
  }
}

bool InterruptGuard::requested() {
  return received != 0;
}

int InterruptGuard::exit_code() {
  const int number = received;
  return number == 0 ? 0 : 128 + number;
}

}  // namespace assay::cli
