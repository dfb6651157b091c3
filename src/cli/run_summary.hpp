// A run in one line, from its journal: what `assay runs` lists.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace assay::cli {

struct RunSummary {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();

  std::string path;
  std::string state;  // as RunJournal::shown_state; "unreadable" where the file is no sound journal
  std::string note;   // why it stopped, failed or cannot be read
  std::string space, accelerator, created_utc;
  std::int64_t evaluated = 0;
  std::int64_t front = 0;  // networks on it
  // Of the network with the best rank score, or of the most accurate one once some are trained; all evaluated
  // ones meet the budget. The rank score itself stands only where the search has ended.
  double best_rank_score = none, best_latency_ms = none;
  std::optional<std::int64_t> best_macs;
  double test_accuracy = none;  // of the same network, 0 .. 1; none: nothing is trained
  double seconds = none;        // of all sessions; none: the journal's format does not say
};

// Throws InputError when the journal cannot be read.
RunSummary summary_of(const std::string& path);

}  // namespace assay::cli
