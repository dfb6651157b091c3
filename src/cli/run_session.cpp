#include "run_session.hpp"

#include "assay/base/text.hpp"
#include "assay/runtime/runtime.hpp"

#include "common.hpp"

#include <fstream>
#include <thread>

#include <fmt/format.h>

namespace assay::cli {
namespace {

// "AMD EPYC 9B14"; empty where the system does not say.
std::string processor_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(':');
    if (line.starts_with("model name") && colon != std::string::npos)
      return std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  return "";
}

SessionRow session_of(const Arguments& arguments) {
  const std::string runtime = runtime_description();  // "oneDNN 2.6.3, avx512_core_amx"
  const std::size_t comma = runtime.find(", ");
  const int workers = worker_count(arguments);
  SessionRow session;
  session.command = arguments.command_line();
  session.assay_version = assay_version;
  session.libraries = fmt::format("{}, {}", runtime.substr(0, comma), journal_library());
  session.isa = comma == std::string::npos ? "" : runtime.substr(comma + 2);
  session.hardware = processor_model();
  session.workers = workers > 0 ? workers : static_cast<int>(std::thread::hardware_concurrency());
  return session;
}

}  // namespace

RunSession::RunSession(RunJournal& journal, const Arguments& arguments, bool is_new)
    : journal_(journal), is_new_(is_new), evaluations_(journal.evaluation_count()) {
  journal_.begin_session(session_of(arguments));
}

void RunSession::end(std::string_view state, std::string_view note) {
  journal_.end_session(state, {std::string(state), std::string(note)});
  ended_ = true;
}

void RunSession::withdraw(std::string_view note) {
  journal_.end_session(note, journal_.earlier_state());
  ended_ = true;
}

bool RunSession::fail(const std::string& message) noexcept {
  if (ended_) return true;
  try {
    if (is_new_ && journal_.evaluation_count() == 0) {
      journal_.discard();
      return false;
    }
    const RunState& earlier = journal_.earlier_state();
    const bool nothing_added = earlier.state == "finished" && journal_.evaluation_count() == evaluations_;
    journal_.end_session("failed: " + message, nothing_added ? earlier : RunState{"failed", message});
  } catch (const std::exception&) {
    // What ended the run may be what keeps the journal from being written; that is what the user is told of.
  }
  return true;
}

}  // namespace assay::cli
