// The display of one piece of work in progress: a thread of its own shows every so often what the working
// threads say. What they pay for it is an atomic store or load.
#pragma once

#include "console.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace assay::cli {

// Where results go while the work goes on: a block cannot stand on the terminal that they are written to.
enum class Results { later, streamed_to_terminal };
// Of results that are written to `path`, "-" being standard output, as they come.
Results streamed_results(const std::string& path);

class ProgressDisplay {
 public:
  // Shows `state`, once the work has taken a moment.
  explicit ProgressDisplay(ProgressState state, Results results = Results::later);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  // From any thread.
  void advance(std::int64_t done) { done_.store(done, std::memory_order_relaxed); }
  // Whether a new state would be shown: to be asked before one is made. True about ten times a second at
  // most.
  bool due() const { return due_.load(std::memory_order_relaxed); }
  // A new state in place of the old one, its `done` included.
  void show(ProgressState state);
  // Removes it, so that other output can stand there. The destructor does the same.
  void close();

 private:
  void run(const std::stop_token& stop);
  void tick(Console::When when);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  ProgressState state_;
  WorkRate rate_;
  double begin_ = 0;
  std::atomic<std::int64_t> done_ = 0;
  std::atomic<bool> due_ = false;
  bool open_ = false;
  std::jthread thread_;
};

}  // namespace assay::cli
