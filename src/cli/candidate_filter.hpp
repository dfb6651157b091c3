// Which candidates stay: cheap gates first, scores for those that pass them.
#pragma once

#include "assay/estimate/estimator.hpp"
#include "assay/search/budget.hpp"
#include "assay/space/codec.hpp"

#include "candidate_gate.hpp"
#include "line_reader.hpp"
#include "reference.hpp"
#include "score_service.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace assay::cli {

// What became of a line. The objects are reused from batch to batch.
struct FilterRow {
  CandidateRow own;
  bool estimated = false;  // it can be built: fingerprint and costs are known
  std::uint64_t fingerprint = 0;
  Costs costs;
  std::vector<double> scores;  // in the order of the settings; empty: it was not scored
  double rank_score = std::numeric_limits<double>::quiet_NaN();
  double rank_score_percentile = std::numeric_limits<double>::quiet_NaN();
  // Empty: the candidate is kept. Otherwise what it is rejected for, and details behind a colon:
  //   invalid: ...        the line is no candidate
  //   not_buildable: ...  its network cannot be built
  //   params, macs, memory, latency   the first limit of the budget that it exceeds
  //   duplicate           an earlier candidate computes the same (rules.unique)
  //   not_scored: ...     a score has no value, and why
  //   min_score: NAME     a floor
  //   rank_score          it is not among the best (rules.least_rank_score)
  std::string reason;

  bool kept() const { return reason.empty(); }
};

// "latency" of "latency", "invalid" of "invalid: ...": what rejections are counted under.
std::string_view reason_kind(std::string_view reason);

// Into how many chunks, one for each of some workers, a batch is cut: handing one over takes as long as a few
// candidates.
std::int64_t chunks_of(std::size_t rows, std::size_t workers);
// The `chunk`th of so many, of nearly equal length.
template <class T>
std::span<T> chunk_of(std::span<T> rows, std::int64_t chunk, std::int64_t chunks) {
  const auto begin = static_cast<std::size_t>(chunk * std::ssize(rows) / chunks);
  const auto end = static_cast<std::size_t>((chunk + 1) * std::ssize(rows) / chunks);
  return rows.subspan(begin, end - begin);
}

// Which figures rows have.
struct FilterResults {
  bool latency = false;
  std::vector<std::string> scores;
  bool rank_score = false;
};

struct ScoreFloor {
  std::string name;  // a score, "rank_score" or "rank_score_percentile"
  double limit = 0;  // at least; at most where lower is better
};

struct FilterRules {
  Budget budget;
  bool unique = false;
  std::vector<ScoreFloor> floors;
  std::optional<double> least_rank_score;
};

class CandidateFilter {
 public:
  // So many distinct networks are remembered at least, and at most twice as many (50 bytes each).
  static constexpr std::size_t remembered_networks = std::size_t{1} << 19;

  // Everything given must outlive the object. `service`: null when nothing is scored; `reference`: null when
  // rank scores are not asked for. Throws InputError for a floor on what is not computed.
  CandidateFilter(const Space& space, const Estimator* estimator, FilterRules rules, WorkerPool& pool,
                  ScoreService* service, const Reference* reference);

  FilterResults results() const;
  // Whether networks are executed: milliseconds instead of microseconds.
  bool executes() const { return service_ != nullptr && service_->executes(); }
  WorkerPool& pool() { return pool_; }

  // One row per line, in the order of the lines; valid until the next call. What becomes of a line does not
  // depend on how lines are put together. Fewer rows when a stop was requested meanwhile.
  std::span<const FilterRow> judge(const CandidateParser& parser, std::span<const Line> lines,
                                   const std::stop_token& stop);

 private:
  void look_at(const CandidateParser& parser, const Line& line, CandidateGate& gate, FilterRow& row) const;
  std::size_t score(std::span<FilterRow> rows, const std::stop_token& stop);
  void judge_scores(const ScoreRecord& record, FilterRow& row) const;
  bool meets(const ScoreFloor& floor, const FilterRow& row) const;

  const Space& space_;
  bool has_estimator_;
  FilterRules rules_;
  WorkerPool& pool_;
  ScoreService* service_;
  const Reference* reference_;
  std::vector<CandidateGate> gates_;  // one per chunk of a batch
  std::vector<FilterRow> rows_;
  RecentMap<bool> seen_;
};

}  // namespace assay::cli
