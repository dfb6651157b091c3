// A fixed team of threads, each with its own Worker. Unlike a WorkerPool it hands work to a certain thread: a
// shard's replica must run where it was made.
#pragma once

#include "assay/runtime/runtime.hpp"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace assay {

class Team {
 public:
  // Throws InputError when the system does not let so many threads start.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }

  // Runs job(thread, worker) on every thread and waits for all. An exception is rethrown here; that of the
  // first thread if there are several.
  void run(const std::function<void(int thread, Worker& worker)>& job);

 private:
  void serve(int thread);
  void end();

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int, Worker&)>* job_ = nullptr;
  std::int64_t round_ = 0;
  int running_ = 0;
  bool stop_ = false;
  std::vector<std::exception_ptr> errors_;
  std::vector<std::thread> threads_;
};

}  // namespace assay
