// Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.
#pragma once

#include <stop_token>
#include <thread>

namespace assay::cli {

// Installs the handlers for the life of the object. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested();
  // Asked to stop soon after the signal.
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;  // a signal handler itself may not request a stop
};

}  // namespace assay::cli
