// Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.
#pragma once

namespace assay::cli {

// Installs the handlers for the life of the object. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested();
};

}  // namespace assay::cli
