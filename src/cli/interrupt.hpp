// Ctrl-C, SIGTERM and a terminal that was closed: the first signal asks for a clean end, the second ends at
// once.
#pragma once

#include <stop_token>
#include <thread>

namespace assay::cli {

// Installs the handlers for the life of the object. One at a time. A program that was started with SIGHUP
// ignored, as nohup does, goes on ignoring it.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested();
  // What a program that a signal ended is known by: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP;
  // 0 when nothing was requested.
  static int exit_code();
  // Asked to stop soon after the signal.
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;  // a signal handler itself may not request a stop
};

}  // namespace assay::cli
