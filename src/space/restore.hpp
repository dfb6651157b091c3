#pragma once

#include <utility>

namespace assay::plan {

// Gives a variable another value until the end of the scope.
template <class T>
class Restore {
 public:
  Restore(T& target, T value) : target_(target), saved_(std::move(target)) { target_ = std::move(value); }
  ~Restore() { target_ = std::move(saved_); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  T& target_;
  T saved_;
};

}  // namespace assay::plan
