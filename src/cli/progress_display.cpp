#include "progress_display.hpp"

#include "terminal.hpp"

#include <csignal>
#include <utility>

#include <unistd.h>

namespace assay::cli {
namespace {

constexpr std::chrono::milliseconds period(100);

// Threads started meanwhile do not handle signals.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Results streamed_results(const std::string& path) {
  return path == "-" && is_terminal(STDOUT_FILENO) ? Results::streamed_to_terminal : Results::later;
}

ProgressDisplay::ProgressDisplay(ProgressState state, Results results) : state_(std::move(state)) {
  Console& console = Console::get();
  const ProgressMode mode = console.mode();
  if (mode == ProgressMode::none) return;
  if (mode == ProgressMode::block && results == Results::streamed_to_terminal) return;
  open_ = true;
  due_ = true;
  done_ = state_.done;
  begin_ = console.seconds();
  console.open(this);
  tick(Console::When::now);
  const SignalsBlocked blocked;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProgressDisplay::~ProgressDisplay() {
  close();
}

void ProgressDisplay::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, period, [&] { return stop.stop_requested(); })) {
    lock.unlock();
    tick(Console::When::due);
    due_ = true;
    lock.lock();
  }
}

// A terminal may take its time (Ctrl-S): the working threads do not wait for it.
void ProgressDisplay::tick(Console::When when) {
  Console& console = Console::get();
  std::unique_lock lock(mutex_);
  const double now = console.seconds();
  state_.done = done_.load(std::memory_order_relaxed);
  rate_.add(now, static_cast<double>(state_.done), static_cast<double>(state_.known));
  std::optional<double> left;
  if (state_.total)
    left = static_cast<double>(*state_.total - state_.done);
  else if (state_.share && *state_.share > 0)
    left = static_cast<double>(state_.done) * (1 / *state_.share - 1);
  const ProgressTimes times{.seconds = now,
                            .phase_seconds = now - begin_,
                            .per_second = rate_.per_second(now),
                            .seconds_left = left ? rate_.seconds_for(*left, now) : std::nullopt};
  const ProgressState state = state_;
  lock.unlock();
  console.show(this, state, times, when);
}

void ProgressDisplay::show(ProgressState state) {
  if (!open_) return;
  std::unique_lock lock(mutex_);
  const bool new_phase = state.phase != state_.phase;
  if (new_phase) {
    rate_ = {};
    begin_ = Console::get().seconds();
  }
  state_ = std::move(state);
  done_ = state_.done;
  due_ = false;
  lock.unlock();
  if (new_phase) tick(Console::When::now);
}

void ProgressDisplay::close() {
  if (!open_) return;
  open_ = false;
  due_ = false;
  thread_.request_stop();
  thread_.join();
  tick(Console::When::now);
  Console::get().close(this);
}

}  // namespace assay::cli
