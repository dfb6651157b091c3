// One process's work on a run, as its journal tells it: where and with what it ran, and how it ended.
#pragma once

#include "assay/store/run_journal.hpp"

#include "arguments.hpp"

#include <string>
#include <string_view>

namespace assay::cli {

class RunSession {
 public:
  // Begins. `is_new`: the journal was created for this session.
  RunSession(RunJournal& journal, const Arguments& arguments, bool is_new);

  // state: "finished" or "stopped".
  void end(std::string_view state, std::string_view note);
  // The journal as it was: the process was stopped, or failed, before it had come as far as those before it.
  void withdraw(std::string_view note);
  // After an error, which the caller passes on: as much of it as the journal can still take. The journal of a
  // new run without one evaluation is removed: it is nothing to continue, and would only be in the way of the
  // next try; false then. After end() nothing happens: where only the results cannot be written, the run is
  // what it is.
  [[nodiscard]] bool fail(const std::string& message) noexcept;

 private:
  RunJournal& journal_;
  bool is_new_;
  std::int64_t evaluations_ = 0;  // at its begin
  bool ended_ = false;
};

}  // namespace assay::cli
