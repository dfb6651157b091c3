// Errors. assay throws only where an operation must end; everything that is a normal outcome (a score that
// is not finite, a candidate over budget) is a value instead.
#pragma once

#include <stdexcept>
#include <string>

namespace assay {

// The base of everything assay throws on purpose. `exit_code` is what the command line ends with.
class Error : public std::runtime_error {
 public:
  Error(std::string message, int exit_code) : std::runtime_error(std::move(message)), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// Wrong usage or invalid input: a file, an option, a candidate, a budget. The message is one or more full
// sentences naming file, place, cause and remedy. Exit code 2.
class InputError : public Error {
 public:
  explicit InputError(std::string message) : Error(std::move(message), 2) {}
};

// A broken invariant of assay itself, never the user's fault. Exit code 3.
class InternalError : public Error {
 public:
  explicit InternalError(std::string message) : Error(std::move(message), 3) {}
};

}  // namespace assay
