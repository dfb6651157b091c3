#include "team.hpp"

#include "assay/base/error.hpp"

#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace assay {

Team::Team(int threads) : errors_(static_cast<std::size_t>(threads)) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { serve(i); });
  } catch (const std::system_error& error) {
    const std::size_t started = threads_.size();
    end();
    throw InputError(fmt::format("Of {} threads the system let only {} start: {}. Use fewer workers.",
                                 threads, started, error.code().message()));
  }
}

Team::~Team() {
  end();
}

void Team::end() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run(const std::function<void(int, Worker&)>& job) {
  std::unique_lock lock(mutex_);
  job_ = &job;
  running_ = size();
  ++round_;
  wake_.notify_all();
  done_.wait(lock, [&] { return running_ == 0; });
  for (std::exception_ptr& error : errors_) {
    if (error) {
      const std::exception_ptr first = error;
      for (std::exception_ptr& each : errors_) each = nullptr;
      std::rethrow_exception(first);
    }
  }
}

void Team::serve(int thread) {
  std::exception_ptr setup_error;
  std::optional<Worker> worker;
  try {
    worker.emplace();
  } catch (...) {
    setup_error = std::current_exception();
  }
  std::int64_t round = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || round_ != round; });
    if (stop_) return;
    round = round_;
    const auto& job = *job_;
    lock.unlock();
    std::exception_ptr error = setup_error;
    if (worker) {
      try {
        job(thread, *worker);
      } catch (...) {
        error = std::current_exception();
      }
    }
    lock.lock();
    errors_[static_cast<std::size_t>(thread)] = error;
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace assay
