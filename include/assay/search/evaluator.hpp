// The one window through which the search sees networks: cheap gates, zero-shot scores and the rank score,
// each asked for in batches so that the implementation can spread a batch over workers. Results stand at the
// index of their candidate; nothing may depend on the order in which workers finish.
#pragma once

#include "assay/space/space.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace assay {

// What a network costs on the accelerator at hand. Without an estimator the three latencies are NaN.
struct Costs {
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::int64_t peak_memory_bytes = 0;
  double latency_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_low_ms = std::numeric_limits<double>::quiet_NaN();
  double latency_high_ms = std::numeric_limits<double>::quiet_NaN();
  bool extrapolated = false;
};

// What microseconds tell about a candidate.
struct GateResult {
  std::uint64_t fingerprint = 0;
  Costs costs;
  std::string failure;  // why the candidate cannot be built; empty when it can
};

// What milliseconds tell. Higher scores are better. A score that is not finite belongs into `status`.
struct ScoreRow {
  std::vector<double> scores;  // in the order of Evaluator::score_names()
  std::string status;          // empty when every score is good, else what went wrong
  double seconds = 0;          // time spent on this candidate; for reports only
};

class Evaluator {
 public:
  virtual ~Evaluator() = default;

  virtual std::span<const std::string> score_names() const = 0;

  // Decodes, fingerprints and estimates each candidate. Both spans have the same length.
  virtual void gate(std::span<const Candidate> candidates, std::span<GateResult> results) = 0;

  // Scores each candidate. Returns how many leading rows are complete: all of them, or fewer when `stop` was
  // requested meanwhile. A row is a function of the candidate's fingerprint and the seed alone.
  virtual std::size_t score(std::span<const Candidate> candidates, std::span<ScoreRow> rows,
                            std::stop_token stop) = 0;

  // The rank score of each of `count` rows over that cohort, higher is better. `column(k)` makes the rows'
  // values of score k, all of them finite. One column at a time: a cohort may be a million rows.
  using Column = std::function<std::vector<double>(std::size_t score)>;
  virtual std::vector<double> rank(std::size_t count, const Column& column) = 0;
};

}  // namespace assay
