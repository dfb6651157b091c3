#include "assay/base/error.hpp"
#include "assay/runtime/runtime.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include <fmt/format.h>

namespace assay {

// Threads sleep between runs; a run is a counter that they draw indices from.
struct WorkerPool::Implementation {
  std::mutex mutex;
  std::condition_variable work, done;
  const std::function<void(Worker&, std::int64_t)>* job = nullptr;
  std::int64_t count = 0, next = 0, running = 0;
  std::int64_t failed_index = 0;
  std::int64_t max_bytes_per_worker = 0;
  std::exception_ptr failure;
  bool stop = false;
  std::vector<std::thread> threads;

  void end() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    work.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  void serve() {
    std::unique_ptr<Worker> worker;  // made by its own thread: it sets that thread's state
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return stop || (job != nullptr && next < count); });
      if (stop) return;
      const std::int64_t index = next++;
      const auto* current = job;
      ++running;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        if (!worker) {
          worker = std::make_unique<Worker>();
          worker->set_memory_limit(max_bytes_per_worker);
        }
        (*current)(*worker, index);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      --running;
      if (thrown && (!failure || index < failed_index)) {
        failure = thrown;
        failed_index = index;
        next = count;  // indices below this one are already taken, so the lowest failure is among the running
      }
      if (running == 0 && next >= count) done.notify_all();
    }
  }
};

WorkerPool::WorkerPool(int workers, std::int64_t max_bytes_per_worker)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->max_bytes_per_worker = max_bytes_per_worker;
  const int size = workers > 0 ? workers : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  try {
    for (int i = 0; i < size; ++i)
      implementation_->threads.emplace_back([this] { implementation_->serve(); });
  } catch (const std::system_error& error) {
    const std::size_t started = implementation_->threads.size();
    implementation_->end();
    throw InputError(fmt::format("Of {} threads the system let only {} start: {}. Use fewer workers.", size,
                                 started, error.code().message()));
  }
}

WorkerPool::~WorkerPool() {
  implementation_->end();
}

int WorkerPool::size() const {
  return static_cast<int>(implementation_->threads.size());
}

void WorkerPool::run(std::int64_t count, const std::function<void(Worker& worker, std::int64_t index)>& job) {
  Implementation& pool = *implementation_;
  std::unique_lock lock(pool.mutex);
  pool.job = &job;
  pool.count = count;
  pool.next = 0;
  pool.failure = nullptr;
  pool.work.notify_all();
  pool.done.wait(lock, [&] { return pool.running == 0 && pool.next >= pool.count; });
  pool.job = nullptr;
  if (pool.failure) std::rethrow_exception(pool.failure);
}

}  // namespace assay
